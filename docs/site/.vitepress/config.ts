import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "vitepress"
import { generate } from "../build/generate.ts"
import { landing, withBlocks } from "../build/landing.ts"
import { highlightOnce, links, runs, scrolls, slug } from "../build/markdown.ts"
import { outline } from "../build/outline.ts"
import { docs, root, site } from "../build/paths.ts"
import { makeRuntime } from "../build/runtime.ts"
import { presets } from "../build/scenarios.ts"
import { sidebar } from "../build/sidebar.ts"
import { textsOfPages } from "../build/sources.ts"
import { writeBlocks, writeTexts } from "../build/texts.ts"
import { blockTypes, writeTypes } from "../build/types.ts"

const sources = generate()
const types = blockTypes(textsOfPages(), sources)
const runtime = await makeRuntime()

/** Three lanes, of which one passes at a time. */
const icon = `data:image/svg+xml,${
  encodeURIComponent(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><path fill='none' stroke='#2f6fde' stroke-width='4' " +
      "stroke-linecap='round' d='M3 6h8l6 8M3 16h26M3 26h8l6-8'/></svg>"
  )
}`

/**
 * For browsers that refuse storage: reading `localStorage` throws there, and the theme's search and its choice of
 * colours read it. This script comes before the theme's.
 */
const storage = `for (const name of ["localStorage", "sessionStorage"]) {
  try {
    window[name].length
  } catch {
    const items = new Map()
    Object.defineProperty(window, name, {
      configurable: true,
      value: {
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => void items.set(key, String(value)),
        removeItem: (key) => void items.delete(key)
      }
    })
  }
}`

const isOwn = (specifier: string) => /^(?:vue|@vueuse\/core|vitepress)(?:$|\/)/.test(specifier)

export default defineConfig({
  title: "sluice",
  description: "Structured concurrency for Effect 4, and a kit that explores every schedule of your own code",
  lang: "en",
  head: [
    ["script", {}, storage],
    ["link", { rel: "icon", href: icon }],
    // Without scripts, nothing is shown that can only be pressed in vain.
    [
      "noscript",
      {},
      "<style>.needs-script{display:block !important}" +
      ".tools,.explorer,.pool-place,.install .copy span,[class*='language-']>.copy{display:none !important}</style>"
    ]
  ],
  srcDir: "..",
  srcExclude: ["examples/**", "site/README.md"],
  cacheDir: ".cache/vitepress",
  // The pages of this folder are at the top, next to the guides.
  rewrites: { "site/generated/:page(.*)": ":page", "site/:page": ":page" },
  cleanUrls: true,
  markdown: {
    anchor: { slugify: slug },
    config: (md) => {
      highlightOnce(md)
      links(md)
      scrolls(md)
      types.marks(md)
      runs(md)
    }
  },
  themeConfig: {
    nav: [
      { text: "Guides", link: "/start", activeMatch: "^/(?!api|explore|pool$)." },
      { text: "Explorer", link: "/explore" },
      { text: "Pool", link: "/pool" },
      { text: "Reference", link: "/api/Group", activeMatch: "^/api/" }
    ],
    sidebar: sidebar(),
    outline: { level: [2, 3] },
    search: { provider: "local" },
    externalLinkIcon: true
  },
  buildEnd: async (config) => {
    writeTexts(config)
    writeBlocks(config)
    writeFileSync(join(config.outDir, runtime.address), runtime.text)
    await writeTypes(config.outDir, types)
  },
  vite: {
    resolve: { alias: [{ find: /^sluice\/(\w+)$/, replacement: join(root, "src/$1.ts") }] },
    server: { fs: { allow: [root] } },
    define: { __RUNTIME__: JSON.stringify(runtime.address) },
    build: { chunkSizeWarningLimit: 1_000 },
    plugins: [outline, {
      name: "made-of-pages",
      enforce: "pre",
      resolveId: (id) => /^virtual:(?:scenarios|landing)$/.test(id) ? `\0${id}` : undefined,
      load: async (id) => {
        if (id === "\0virtual:scenarios") return `export const presets = ${JSON.stringify(presets())}`
        if (id === "\0virtual:landing") return `export const landing = ${JSON.stringify(await landing())}`
        return undefined
      },
      transform: (text, id) => id === join(site, "index.md") ? withBlocks(text) : undefined
    }, {
      name: "runtime",
      configureServer: ({ middlewares }) => {
        middlewares.use(runtime.address, (_, response) => {
          response.setHeader("Content-Type", "text/javascript").end(runtime.text)
        })
        middlewares.use("/types", ({ url = "" }, response, next) => {
          const [, id = ""] = /^\/(\w+)\.json$/.exec(url) ?? []
          types.all.then((all) => {
            const found = all.get(id)
            if (found === undefined) next()
            else response.setHeader("Content-Type", "application/json").end(JSON.stringify(found))
          }, next)
        })
      }
    }, {
      // The guides are outside of this package, and Vite's root is their folder: no `vue` is to be found from there.
      name: "packages-for-guides",
      enforce: "pre",
      resolveId(specifier, importer, options) {
        if (!isOwn(specifier)) return
        // The server's bundle is within this package, and imports it.
        if (options.ssr === true && specifier.startsWith("vue")) return { id: specifier, external: true }
        if (importer === undefined || !importer.startsWith(docs) || importer.startsWith(site)) return
        return this.resolve(specifier, join(site, "index.md"), { ...options, skipSelf: true })
      }
    }]
  }
})
