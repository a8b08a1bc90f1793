// `npm run build:page` has made this file from the sources in `client`.

export const script = `
(()=>{var z=t=>t===void 0||t===!1||t===""?[]:typeof t=="number"?[String(t)]:Array.isArray(t)?t.flatMap(z):[t],s=(t,e={},...n)=>{
let[i,...r]=t.split("."),{key:o,...d}=e,l=[...r,...d.class===void 0?[]:[d.class]].join(" ");return{tag:i??"div",
key:o===void 0?void 0:String(o),attributes:l===""?d:{...d,class:l},children:z(n)}},P=new WeakMap,Me=(t,{tag:e})=>document.
createElementNS(e==="svg"?"http://www.w3.org/2000/svg":t.namespaceURI,e),le=(t,e,n)=>{let i=n===void 0||n===!1;
e.startsWith("--")?t.style.setProperty(e,i?"":String(n)):i?t.removeAttribute(e):t.setAttribute(e,n===!0?"":String(
n))},Se=(t,e)=>{let n=P.get(t)?.attributes??{};for(let i of Object.keys(n))i in e.attributes||le(t,i,void 0);for(let[
i,r]of Object.entries(e.attributes))n[i]!==r&&le(t,i,r);P.set(t,e),ce(t,e.children)},ce=(t,e)=>{let n=new Set(
e.map(o=>typeof o=="string"?void 0:o.key)),i=new Map;for(let o of[...t.childNodes]){let d=P.get(o)?.key;d!==void 0&&
(n.has(d)?i.set(d,o):o.remove())}let r=t.firstChild;for(let o of e){if(typeof o=="string"){let u=r instanceof Text?
r:t.insertBefore(document.createTextNode(""),r);u.data!==o&&(u.data=o),r=u.nextSibling;continue}let d=r===null?
void 0:P.get(r),l=d!==void 0&&d.key===void 0&&d.tag===o.tag,c=o.key===void 0?l?r:void 0:i.get(o.key);c??=Me(t,
o),c!==r&&t.insertBefore(c,r),Se(c,o),r=c.nextSibling}for(;r!==null;){let o=r.nextSibling;r.remove(),r=o}},q=(t,...e)=>{
let n=document.activeElement;ce(t,z(e)),n instanceof HTMLElement&&n.isConnected&&document.activeElement!==n&&n.
focus({preventScroll:!0})};var A=200,xe=100,V=3,X=t=>{if(t<1e3)return\`\${Math.max(0,Math.round(t))} ms\`;let e=Math.floor(t/1e3);return e<10?
\`\${(Math.floor(t/100)/10).toFixed(1)} s\`:e<60?\`\${e} s\`:e<3600?\`\${Math.floor(e/60)} min \${e%60} s\`:\`\${Math.floor(
e/3600)} h \${Math.floor(e/60)%60} min\`},G=(t,e,n=\`\${e}s\`)=>\`\${t.toLocaleString("en")} \${t===1?e:n}\`,Y=t=>encodeURIComponent(
t.replace(/\\p{Cs}/gu,"�")),K=t=>\`#\${Y(t)}\`,Q=({id:t,key:e,kind:n,name:i})=>\`\${i===void 0?t:\`\${n} \${i}\`}\${e===
void 0?"":\` [\${e}]\`}\`,S=t=>t&&s("span.source",{title:\`\${t.file}:\${t.line}:\${t.column}\`},s("span.at",{},\`\${t.file}\\
:\${t.line}\`),t.text!==void 0&&s("code",{},t.text)),B=class{constructor(e){this.seen=e;this.fibers=new Map(e.dump.
fibers.map(n=>[n.id,n])),this.resources=new Map(e.dump.resources.map(n=>[n.id,n])),this.jobs=new Set(e.dump.resources.
flatMap(({jobs:n=[]})=>n.map(({ref:i})=>i)))}seen;fibers;resources;jobs;nameOf(e){let n=this.resources.get(e);
return n===void 0?e:Q(n)}get all(){let{deadlocks:e,missing:n,resources:i,watchedSince:r}=this.seen.dump,o=i.filter(
l=>this.matches(l)),d=Le(o);return[e.map(l=>this.deadlock(l)),s("section.resources",{key:"resources","aria-lab\\
el":"Resources"},d.map(l=>this.resource(l)),o.length===0&&s("p.empty",{},Ee(i.length)),d.length<o.length&&s("p\\
.empty",{},\`\${(o.length-d.length).toLocaleString("en")} more, which the filter finds.\`)),this.allFibers,s("foo\\
ter",{key:"footer"},r===void 0&&s("p",{},"Nobody watches this process, so no duration is known."),n.map(l=>s("\\
p",{},l)))]}get figures(){let{fibers:e,resources:n}=this.seen.dump,i=n.reduce((r,o)=>r+o.waiting,0);return\`\${G(
n.length,"resource")}, \${G(e.length,"fiber")}, \${i} waiting\`}linked(e){return e.split("\`").map((n,i)=>i%2===1?
s("code",{},n):this.linkedProse(n))}linkedProse(e){return e.split(/(\\bfiber \\d+|(?:\\bblocked )?\\bjob \\d+ of [^\\s,;:.()]+|\\b[a-z]+-\\d+\\b)/i).
map((n,i)=>{let r=n.replace(/^[BFJ]/,d=>d.toLowerCase());return i%2===1&&(this.fibers.has(r)||this.resources.has(
r)||this.jobs.has(r))?s("a",{href:K(r)},n):n})}standing(e){let n=this.fibers.get(e);if(n!==void 0)return[s("p.\\
standing",{},s("b",{},n.state),n.interrupted===!0&&s("b.bad",{},"interrupted, and has not ended")),n.stack.length>
0&&s("ol.stack",{},n.stack.map(i=>s("li",{},S(i))))]}matches(e){let{busyOnly:n,filter:i}=this.seen;if(n&&!_(e))
return!1;if(i==="")return!0;let o=[...e.waits,...e.lines.flatMap(({holders:d})=>d)].map(({by:d})=>d).map(d=>this.
fibers.get(d)?.name);return JSON.stringify([e,Q(e),o]).toLowerCase().includes(i)}link(e,...n){let i=e===this.seen.
selected;return s("a.ref",{href:K(e),"aria-current":i&&"true"},...n)}who(e){let n=this.fibers.get(e)?.name;return[
this.link(e,e),n!==void 0&&s("span.name",{},n)]}whose(e){return this.link(e,this.nameOf(e))}lasting(e){return e!==
void 0&&s("span.millis",{},X(e+this.seen.since))}toggle(e,n,...i){let r=this.seen.open.has(e),o={type:"button",
"data-toggle":e,"aria-expanded":String(r),"aria-label":n};return s("button.toggle",o,...i)}deadlock(e){let{behind:n,
evidence:i,id:r,members:o,millis:d}=e,l=o.map(({resource:c})=>o.flatMap(({holds:u},h)=>u.some(p=>p.resource===
c)?[h]:[]));return s("section.deadlock",{key:r,"aria-label":\`Deadlock of \${o.length}\`},s("h2",{},"Deadlock ",s(
"span.evidence",{},i),this.lasting(d),s("span.kind",{},r)),s("p",{},\`\${o.length===1?"It waits for itself":\`The\\
se \${o.length} wait for each other\`}. \`,Ce[i],n>0&&\` \${G(n,"more waits","more wait")} behind them.\`),s("div.ri\\
ng",{},Ie(l),s("ol",{},o.map(({at:c,by:u,for:h,holds:p,resource:y},w)=>s("li",{key:u},s("span.number",{"aria-h\\
idden":"true"},w+1),s("div",{},s("p",{},this.who(u)," waits for ",s("b",{},h),y!==void 0&&[" of ",this.whose(y)]),
S(c),l[w]?.length!==0&&s("p.arrow",{},"held by ",l[w]?.map(m=>s("span.number",{title:o[m]?.by},m+1))),p.map(m=>[
s("p.holds",{},\`holds \${ue(m.weight,m.of)} of \`,this.whose(m.resource)),S(m.at)])))))))}resource(e){let{id:n,jobs:i=[],
kind:r,lines:o,stats:d,threads:l,waiting:c,waits:u,workers:h}=e,p=this.seen.open.has(n),y=u.some(({deadlock:a})=>a!==
void 0),w=o.reduce((a,f)=>a+f.holders.length,0),m=u.reduce((a,{millis:f})=>f===void 0?a:Math.max(a??0,f),void 0),
E=Q(e),x=!p&&o.length>V&&s("p.empty",{},\`and \${o.length-V} more\`);return s("article",{key:n,class:y?"stuck":_(
e)?"busy":"idle","aria-label":E},s("div.head",{},s("div.title",{},this.toggle(n,\`Details of \${E}\`),s("div",{},
s("h3",{},this.link(n,E)),s("span.kind",{},e.name===void 0?r:n),typeof d.state=="string"&&s("span.kind",{},d.state))),
s("div.lines",{},(p?o:o.slice(0,V)).map(Ae),x,Oe(e)),s("span.waiting",{class:c===0?"none":void 0},c===0?"nobod\\
y waits":\`\${c.toLocaleString("en")} waiting\`,this.lasting(m))),h&&s("ul.cells",{"aria-label":"Workers"},h.slice(
0,A).map(a=>{let f=\`worker \${a.id}: \${a.state}\${a.job===void 0?"":\`, job \${a.job}\`}\`,L=s("span.cell",{class:\`\${a.
state}\${a.stays?"":" leaves"}\`}),C=a.job===void 0?void 0:K(\`job \${a.job} of \${n}\`);return s("li",{key:a.id},s(
C?"a":"span",{href:C,title:f,"aria-label":f},L))}),h.length>A&&s("li",{},\`and \${h.length-A} more\`)),l?.map(a=>s(
"div.thread",{key:\`thread \${a.id}\`},s("span.kind",{},\`thread \${a.id} \`,a.state),a.calls.map(({begun:f,millis:L,
name:C,seat:N})=>s("span.call",{key:N,class:f?"begun":void 0},C,this.lasting(L))),a.stack&&s("ol.stack",{},a.stack.
map(f=>s("li",{},S(f)))))),p&&s("div.details",{key:"details"},w>0&&[s("h4",{},"Holders"),o.map(a=>a.holders.length>
0&&this.rows(a.holders,f=>this.hold(f,a)))],u.length>0&&[s("h4",{},"Waiters, in line"),this.rows(u,a=>this.wait(
a),c)],i.length>0&&[s("h4",{},"Jobs"),this.rows(i,a=>[s("p",{},this.link(a.ref,a.ref.slice(0,a.ref.indexOf(" o\\
f "))),s("span.state",{},a.state),a.attempt>1&&s("span.state",{},\`attempt \${a.attempt}\`),a.worker!==void 0&&s(
"span.state",{},\`worker \${a.worker}\`),a.fiber!==void 0&&this.who(a.fiber),this.lasting(a.millis))])],s("h4",{},
"Statistics"),s("dl",{},Object.entries(d).map(([a,f])=>s("div",{key:a},s("dt",{},a),s("dd",{},f))))))}rows(e,n,i=e.
length){let r=e.slice(0,xe);return[s("ul.rows",{},r.map(o=>s("li",{},n(o)))),i>r.length&&s("p.empty",{},\`and \${(i-
r.length).toLocaleString("en")} more\`)]}hold({at:e,by:n,millis:i,until:r,weight:o},{key:d,of:l}){return[s("p",
{},this.who(n),s("span.state",{},\`\${ue(o,l)}\${d===void 0?"":\` \${d}\`}\`),r==="scope"&&s("span.state",{},"until i\\
ts scope closes"),this.lasting(i)),S(e)]}wait({at:e,by:n,deadlock:i,ends:r,for:o,millis:d}){return[s("p",{},this.
who(n),s("span.state",{},\`for \${o}\`),r!==void 0&&s("span.state",{},\`until \${r}\`),i!==void 0&&s("b.bad",{},i),this.
lasting(d)),S(e)]}get allFibers(){let{dump:{fibers:e},filter:n,open:i}=this.seen,r=e.filter(d=>n===""||JSON.stringify(
d).toLowerCase().includes(n));if(e.length===0)return;let o=i.has("fibers");return s("section.fibers",{key:"fib\\
ers","aria-label":"Fibers"},s("div.title",{},this.toggle("fibers","All fibers"),s("h3",{},\`Fibers: \${r.length}\`)),
o&&s("div.details",{},this.rows(r,({id:d,interrupted:l,stack:[c],state:u})=>[s("p",{},this.who(d),s("span.stat\\
e",{},u),l===!0&&s("b.bad",{},"interrupted")),S(c)])))}},Ce={certain:"None goes on unless one is interrupted, \\
or a capacity, a limit or a size is raised.",derived:"Some of them wait in operations of Effect's own, which t\\
he watch has read from closures.",suspected:"Somebody else may close a scope that has a hold, or end a fiber w\\
ith which a member ends."},Re={permits:"permit",places:"place",workers:"worker","jobs of the key":"job of the \\
key"},ue=(t,e)=>\`\${t} \${t===1?Re[e]:e}\`,_=({jobs:t,lines:e,threads:n,waiting:i})=>i>0||e.some(({held:r})=>r>0)||
(t?.length??0)>0||(n?.some(({calls:r})=>r.length>0)??!1),Ee=t=>t===0?"There is no semaphore, group, pool or li\\
mit.":"The filter matches no resource.",Le=t=>{if(t.length<=A)return t;let e=i=>i.waits.some(({deadlock:r})=>r!==
void 0)?3:i.waiting>0?2:_(i)?1:0,n=new Set([...t].sort((i,r)=>e(r)-e(i)).slice(0,A));return t.filter(i=>n.has(
i))},fe=(t,e,n,i,r)=>{let o=n===void 0?0:100*Math.min(1,e/Math.max(1,n)),d=n!==void 0&&e>=n?e>n?"over":"full":
void 0,l=n===void 0?\`\${e} \${r}, no limit\`:\`\${e} / \${n} \${r}\`;return s("div.line",{key:t},s("div.bar",{role:"me\\
ter","aria-label":t,"aria-valuemin":0,"aria-valuemax":n??e,"aria-valuenow":n===void 0?e:Math.min(e,n),"aria-va\\
luetext":l,class:n===void 0?"unlimited":d},s("i",{"--filled":\`\${o}%\`})),s("span.amount",{},l),i>0&&s("b.bad",{},
\`\${i} lost: nobody gives them back\`))},Ae=({capacity:t,held:e,key:n,lost:i=0,of:r})=>fe(\`\${r}\${n===void 0?"":\`\\
 \${n}\`}\`,e,t,i,n===void 0?r:\`\${r} \${n}\`),Oe=({kind:t,stats:{capacity:e,queued:n}})=>t==="pool"&&typeof n=="num\\
ber"&&fe("queue",n,typeof e=="number"?e:void 0,0,"queued"),Ie=t=>{let e=t.length;if(e<2||e>12)return;let[n,i,r]=[
90,66,15],o=l=>{let c=2*Math.PI*(l/e)-(e===2?Math.PI:Math.PI/2);return[n+i*Math.cos(c),n+i*Math.sin(c)]},d=(l,c)=>{
let[[u,h],[p,y]]=[o(l),o(c)],[w,m]=[p-u,y-h],E=Math.hypot(w,m),[x,a]=[(u+p)/2+m*.22,(h+y)/2-w*.22],f=(W,U,ae)=>{
let de=Math.hypot(x-W,a-U);return[W+(x-W)*ae/de,U+(a-U)*ae/de]},[[L,C],[N,oe]]=[f(u,h,r+2),f(p,y,r+8)],ke=Math.
atan2(y-a,p-x)*180/Math.PI;return E>0&&[s("path.edge",{d:\`M\${L} \${C}Q\${x} \${a} \${N} \${oe}\`}),s("path.head",{d:"\\
M8 0L-2-5V5z",transform:\`translate(\${N} \${oe}) rotate(\${ke})\`})]};return s("svg",{viewBox:e===2?"0 55 180 70":
"0 0 180 180","aria-hidden":"true"},t.map((l,c)=>l.map(u=>c===u?void 0:d(c,u))),t.map((l,c)=>{let[u,h]=o(c);return[
s("circle",{cx:u,cy:h,r}),s("text",{x:u,y:h+5},c+1)]}))};var M=t=>{let e=document.getElementById(t);if(e===null)throw new Error(\`the page has no element \${t}\`);return e},
Z=M("state"),De=M("time"),Te=M("figures"),Ne=M("main"),Pe=M("pause"),he=M("panel"),se=M("filter"),me=M("busy"),
ie=location.pathname.replace(/\\/?$/,"/");for(let t of document.querySelectorAll("nav a"))t.setAttribute("href",
ie+(t.getAttribute("href")??""));var Be=Number(document.body.dataset.interval),He=3*Be+1e3,b,j,k,T=!1,R=!1,re=performance.
now(),I=0,ee=new Set,D=()=>R||!T?I:I+performance.now()-re,ge=t=>new Date(t).toLocaleTimeString("en-GB"),be=()=>{
try{return decodeURIComponent(location.hash.slice(1))}catch{return""}},ye=t=>new B({dump:t,since:Math.max(0,D()-
t.at),open:ee,filter:se.value.trim().toLowerCase(),busyOnly:me.checked,selected:be()}),O=(t,e)=>{Z.className=t,
Z.textContent!==e&&(Z.textContent=e)},je=()=>{if(R)return O("paused","Paused");if(k===void 0||!T)return O("los\\
t",b===void 0?"Connecting":"Connection lost, connecting again");if(performance.now()-re>He)return O("lost","Si\\
lent: the process is blocked, or the connection is dead");if(j!==void 0)return O("lost",\`No dump: \${j}\`);O("li\\
ve","Live")},te=()=>{if(je(),b===void 0)return;let t=b.watchedSince===void 0?"":\`, watched for \${X(D()-b.watchedSince)}\`;
De.textContent=ge(D())+t},v=()=>{if(te(),b===void 0)return;let t=ye(b);Te.textContent=t.figures;let e=b.deadlocks.
length,n=e===0?"":e===1?"Deadlock: ":\`\${e} deadlocks: \`;document.title=\`\${n}sluice at \${location.host}\`,q(Ne,t.
all),ne()},Fe=t=>{T=!0,re=performance.now(),I=t},F=()=>{let t=k=new EventSource(\`\${ie}events\`),e=(n,i)=>t.addEventListener(
n,r=>{k===t&&i(r.data)});e("time",n=>{Fe(Number(n)),te()}),e("dump",n=>{b=JSON.parse(n),j=void 0,v()}),e("fail\\
ed",n=>{j=String(JSON.parse(n)),te()}),t.addEventListener("error",()=>{k===t&&(I=D(),T=!1,t.readyState===EventSource.
CLOSED&&setTimeout(()=>k===t&&F(),2e3),v())})},ve=()=>{I=D(),T=!1,k?.close(),k=void 0},Je=t=>{t&&ve(),R=t,Pe.textContent=
R?"Resume":"Pause",t||F(),v()},g="",$,H=null,we=async t=>{g!==t&&($=void 0),g=t,ne();let e=await fetch(\`\${ie}e\\
xplain?of=\${Y(t)}\`).then(async n=>({text:await n.text(),isBad:!n.ok})).catch(()=>({text:"The process does not \\
answer.",isBad:!0}));g===t&&($={...e,at:ge(Date.now())},ne())},ne=()=>{let t=g!=="";if(he.hidden=!t,document.body.
classList.toggle("explains",t),!t)return;let e=b&&ye(b);q(he,s("div.head",{},s("h2",{id:"explained",tabindex:-1},
e?.nameOf(g)??g),pe("close","Close")),$===void 0?s("p.empty",{role:"status"},"Asking the process"):s("p.text",
{class:$.isBad?"bad":void 0},e?.linked($.text)??$.text),s("p.empty",{},$&&\`As of \${$.at} \`,pe("again","Explain\\
 again")),e?.standing(g))},pe=(t,e)=>s("button",{type:"button",id:t},e),J=()=>{let t=be();if(t!==g){if(g===""&&
(H=document.activeElement),t===""){g="",v(),H instanceof HTMLElement&&H.isConnected&&H.focus();return}we(t),v(),
document.getElementById("explained")?.focus()}},$e=()=>{history.pushState(null,"",location.pathname+location.search),
J()};document.addEventListener("click",({target:t})=>{if(!(t instanceof Element))return;let e=t.closest("[data\\
-toggle]")?.getAttribute("data-toggle");if(e!=null)return ee.delete(e)||ee.add(e),v();let n=t.closest("button")?.
id;n==="pause"?Je(!R):n==="close"?$e():n==="again"&&we(g)});document.addEventListener("keydown",t=>{t.key==="E\\
scape"&&g!==""?$e():t.key==="/"&&!(t.target instanceof HTMLInputElement)&&(t.preventDefault(),se.focus())});se.
addEventListener("input",v);me.addEventListener("input",v);addEventListener("hashchange",J);addEventListener("\\
popstate",J);document.addEventListener("visibilitychange",()=>{R||(document.hidden?ve():k===void 0&&F())});F();
J();setInterval(v,1e3);})();
`

export const style = `
:root{--back: #f6f7f9;--card: #fff;--line: #d9dee5;--text: #1b2430;--soft: #596676;--link: #0b5cad;--fill: #3b82c4;
--full: #b45f06;--bad: #b3261e;--bad-back: #fdf0ee;--good: #1a7f4b;--track: #e6eaef;color-scheme:light dark}@media(prefers-color-scheme:dark){
:root{--back: #11161c;--card: #1a2129;--line: #303a46;--text: #e4e9ef;--soft: #9aa7b5;--link: #7ab8f5;--fill: #4a90d0;
--full: #d98a2b;--bad: #ff8a80;--bad-back: #2d1b1c;--good: #5fce93;--track: #2a333d}}*{box-sizing:border-box}[hidden]{
display:none!important}body{margin:0;background:var(--back);color:var(--text);overflow-wrap:anywhere;font:15px/1.45
system-ui,sans-serif;font-variant-numeric:tabular-nums}h1,h2,h3,h4,p,ul,ol,dl,dd{margin:0;padding:0;font-weight:inherit}
ul,ol{list-style:none}code,.at{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}a{color:var(--link);
text-decoration:none}a:hover,a[aria-current]{text-decoration:underline}:focus-visible{outline:2px solid var(--link);
outline-offset:2px;border-radius:3px}button,input[type=search]{min-height:34px;padding:0 12px;border:1px solid
var(--line);border-radius:6px;background:var(--card);color:inherit;font:inherit}button{cursor:pointer}button:hover{
border-color:var(--soft)}body>header{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;align-items:center;
gap:6px 16px;padding:8px 20px;background:var(--card);border-bottom:1px solid var(--line)}h1{font-size:18px;font-weight:700}
#state{font-weight:600}#state:before{content:"";display:inline-block;width:10px;height:10px;margin-right:7px;border-radius:5px;
background:currentcolor}#state.live{color:var(--good)}#state.paused{color:var(--soft)}#state.paused:before{border-radius:0}
#state.lost{color:var(--bad)}#state.lost:before{background:none;border:2px solid}#time,#figures,label,nav{color:var(--soft)}
.tools{display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px;margin-left:auto}.tools label{display:flex;
gap:5px;align-items:center;min-height:34px}nav{display:flex;gap:12px}#filter{width:210px}main{max-width:1180px;
margin:0 auto;padding:16px 20px 60px}section{margin-bottom:20px}article,.fibers{background:var(--card);border:1px
solid var(--line)}article{margin-bottom:-1px;padding:7px 14px}article:first-child{border-radius:8px 8px 0 0}article:last-of-type{
border-radius:0 0 8px 8px}article.stuck{box-shadow:inset 4px 0 var(--bad)}.fibers{padding:7px 14px;border-radius:8px}
article .head{display:grid;grid-template-columns:minmax(0,1fr) 310px 190px;align-items:center;gap:2px 12px}.title{
display:flex;align-items:center;gap:4px}.title>div{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 12px;
min-width:0}h3{font-size:16px;font-weight:600}.idle h3{font-weight:400}.kind,.empty,.millis,.name,.state,footer{
color:var(--soft)}.kind{font-size:13px}.millis{white-space:nowrap}.toggle{flex:none;width:28px;min-height:28px;
padding:0;border-color:transparent;background:none;margin-left:-8px}.toggle:before{content:"";display:inline-block;
border:5px solid transparent;border-left:7px solid var(--soft);border-right:0;transition:transform .12s}.toggle[aria-expanded=true]:before{
transform:rotate(90deg)}.lines{display:grid;gap:3px}.line{display:flex;flex-wrap:wrap;align-items:center;gap:2px
10px}.bar{width:150px;height:10px;border-radius:5px;background:var(--track);overflow:hidden}.bar i{display:block;
width:var(--filled);height:100%;background:var(--fill);transition:width .2s}.bar.full i{background:var(--full)}
.bar.over i{background:var(--bad)}.bar.unlimited{background:none;border:1px dashed var(--soft)}.amount{flex:1;
font-size:13px}.waiting{color:var(--full);font-weight:600}.waiting.none{color:var(--soft);font-weight:400}.waiting
.millis:before{content:", for "}.waiting .millis{font-weight:400}.bad{color:var(--bad)}p>.millis:before{content:"\\
for "}.cells{display:flex;flex-wrap:wrap;gap:4px;padding:4px 0 6px 20px}.cells a{display:block}.cell{display:block;
width:18px;height:18px;border:1px solid var(--soft);border-radius:4px}.cell.busy{background:var(--fill);border-color:var(--fill)}
.cell.acquiring,.cell.releasing{border-color:var(--full);background:repeating-linear-gradient(45deg,var(--full)
0 3px,transparent 3px 6px)}.cell.givenUp,.cell.ended{border:2px solid var(--bad)}.cell.leaves{border-radius:9px}
.thread{display:flex;flex-wrap:wrap;gap:4px 8px;padding:3px 0 3px 20px;font-size:13px}.thread .stack{width:100%}
.call{padding:0 7px;border:1px dashed var(--soft);border-radius:4px}.call.begun{border:1px solid var(--fill);box-shadow:inset
3px 0 var(--fill)}.call .millis{margin-left:6px}.details{padding:4px 0 8px 20px}h4{margin:8px 0 2px;color:var(--soft);
font-size:13px;font-weight:600}.rows li{padding:4px 0;border-top:1px solid var(--line)}.rows p{display:flex;flex-wrap:wrap;
gap:0 12px}.rows .millis{margin-left:auto}.line .bad{flex:0 0 100%}.source{display:flex;flex-wrap:wrap;gap:0 10px}
.at{color:var(--soft)}dl{display:flex;flex-wrap:wrap;gap:2px 20px;font-size:13px}dl div{display:flex;gap:6px}dt{
color:var(--soft)}.deadlock{padding:12px 18px 14px;border:1px solid var(--bad);border-left-width:4px;border-radius:8px;
background:var(--bad-back)}h2{font-size:17px;font-weight:700}.deadlock h2{color:var(--bad)}.deadlock h2 span{margin-left:10px;
font-size:14px;font-weight:400}.deadlock h2 .millis:before{content:"for "}.ring{display:flex;flex-wrap:wrap;gap:8px
24px;align-items:center;margin-top:8px}.ring svg{width:180px;flex:none}.ring ol{flex:1 1 240px;min-width:0}.ring
li{display:flex;gap:10px;padding:5px 0}.ring li>div{min-width:0}.ring .name{margin:0 3px 0 7px}.arrow:before{content:"\\
→ ";color:var(--bad);font-weight:700}.arrow .number{margin-right:4px}.holds{color:var(--soft)}.number{flex:none;
display:inline-block;width:20px;height:20px;border:1.5px solid var(--bad);border-radius:10px;color:var(--bad);
font:600 12px/17px system-ui,sans-serif;text-align:center}svg circle{fill:var(--card);stroke:var(--bad);stroke-width:1.5}
svg text{fill:var(--bad);font:600 14px system-ui,sans-serif;text-anchor:middle}svg .edge{fill:none;stroke:var(--bad);
stroke-width:1.5}svg .head{fill:var(--bad)}#panel{position:fixed;z-index:2;right:0;top:0;bottom:0;width:400px;
padding:14px 20px;overflow:auto;background:var(--card);border-left:1px solid var(--line);box-shadow:0 0 24px #0003}
#panel .head{display:flex;gap:12px;justify-content:space-between;align-items:start;margin-bottom:10px}#panel .text{
white-space:pre-wrap}#panel .empty{margin:10px 0}#panel h2:focus{outline:none}.standing{margin-top:14px}.standing
b{margin-right:10px}.stack li{padding:5px 0;border-top:1px solid var(--line)}footer p{margin-bottom:4px}@media(min-width:1000px){
.explains main,.explains>header{margin-right:400px}}@media(max-width:999px){#panel{top:auto;left:0;width:auto;
max-height:60vh;border:0;border-top:1px solid var(--line)}.explains main{padding-bottom:62vh}}@media(max-width:700px){
body>header,main{padding-left:12px;padding-right:12px}body>header{position:static}.tools{margin-left:0;width:100%}
#filter{flex:1 1 100%}article .head{display:block}.lines,.waiting{margin-left:24px}.bar{width:110px}.details,.cells,
.thread{padding-left:0}.deadlock{padding:10px 12px}.ring{justify-content:center}}@media(prefers-reduced-motion:reduce){
*{transition:none!important}}
`
