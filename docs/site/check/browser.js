/** The system's Chromium. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { chromium as driver } from "playwright-core"

const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Where Chromium is: the path in CHROMIUM, or on PATH. As `test/support/browser.ts` finds it. */
const executablePath = process.env["CHROMIUM"] ??
  ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name)))
    .find(isExecutable)

/** With more options of its command line. */
export const launch = (...options) => {
  if (executablePath === undefined) throw new Error("no Chromium: install it, or name it with CHROMIUM=path")
  return driver.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...options]
  })
}
