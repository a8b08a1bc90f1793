/** A worker: the types of the names in blocks of TypeScript, as an editor shows them. */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import ts from "typescript"

const { codes, root } = workerData
const folder = join(root, "docs/site/.cache/blocks")
// A block that others import begins with its name.
const files = new Map(
  codes.map((code, i) => [join(folder, /^\/\/ (\w+\.ts)\n/.exec(code)?.[1] ?? `block${i}.ts`), code])
)
const read = (file) => files.get(file) ?? ts.sys.readFile(file)

const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile)
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
const service = ts.createLanguageService({
  getCompilationSettings: () => options,
  getCurrentDirectory: () => root,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  getDirectories: ts.sys.getDirectories,
  getScriptFileNames: () => [...files.keys()],
  getScriptSnapshot: (file) => {
    const text = read(file)
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
  },
  getScriptVersion: () => "1",
  directoryExists: (path) => path === folder || ts.sys.directoryExists(path),
  fileExists: (file) => files.has(file) || ts.sys.fileExists(file),
  readDirectory: ts.sys.readDirectory,
  readFile: read
})

/** Of a module there is nothing to say but its name. */
const isWorthIt = (text) => !/^(?:import|namespace|module) [^\n]*$/.test(text)

/** Where each name begins and ends, and the number of its text: a type that is there twice is stored once. */
const typesOf = (file) => {
  const texts = []
  const places = []
  const source = service.getProgram().getSourceFile(file)
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const from = node.getStart(source)
      const text = ts.displayPartsToString(service.getQuickInfoAtPosition(file, from)?.displayParts)
      if (text !== "" && isWorthIt(text)) {
        if (!texts.includes(text)) texts.push(text)
        places.push([from, node.end, texts.indexOf(text)])
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { texts, places }
}

parentPort.postMessage([...files].map(([file, code]) => [code, typesOf(file)]))
