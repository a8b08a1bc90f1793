import { script, style } from "./built.js"

/**
 * The page, equal for every request. No part of a dump is in it: the script requests dumps, and sets them as text. So
 * the policy allows the hashes of the script and the style sheet, and nothing else.
 */
export const html = (interval: number): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sluice</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body data-interval="${interval}">
<header>
<h1>sluice</h1>
<p id="state" role="status" class="lost">Connecting</p>
<p id="time"></p>
<p id="figures"></p>
<div class="tools">
<input id="filter" type="search" aria-label="Filter" placeholder="Filter: name, fiber, file" autocomplete="off">
<label><input id="busy" type="checkbox"> in use only</label>
<button id="pause" type="button">Pause</button>
<nav aria-label="Dump"><a href="dump.txt">text</a><a href="dump.json">JSON</a></nav>
</div>
</header>
<main id="main"><noscript>This page needs its script. <a href="dump.txt">The dump as text</a> does not.</noscript></main>
<aside id="panel" role="dialog" aria-labelledby="explained" hidden></aside>
<script>${script}</script>
</body>
</html>
`

const hashOf = async (text: string): Promise<string> => {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
  return `'sha256-${btoa(String.fromCharCode(...hash))}'`
}

/**
 * The policy allows the page's own script and style sheet, and requests to where the page is from. Trusted types forbid
 * the script to make markup of a string.
 */
export const policyOf = async (): Promise<string> =>
  [
    "default-src 'none'",
    `script-src ${await hashOf(script)}`,
    `style-src ${await hashOf(style)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ].join("; ")
