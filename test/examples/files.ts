/** Trees of files, and what `md5sum` and `sha256sum` say of them. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A directory that other users may enter too. */
export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "digest-test-"))
  chmodSync(directory, 0o755)
  return directory
}

/** All that is difficult about names and kinds of files. */
export const makeTree = (root: string): void => {
  for (const directory of ["", "a", "a-b", "a-b/c", "deep", "deep/er", "deep/er/still", "empty directory"]) {
    mkdirSync(join(root, directory), { recursive: true })
  }
  const names = [
    "a/inside",
    "a.txt",
    "a-b/c/x",
    "a0",
    "deep/er/still/file",
    "spaces in  name ",
    "new\nline",
    "back\\slash",
    "back\\nslash",
    "carriage\rreturn",
    "-dash",
    "*star",
    "(paren) = x",
    "Ünïcödé",
    "日本語",
    "😀",
    "\uFFFD"
  ]
  for (const name of names) writeFileSync(join(root, name), `content of ${name}`)
  // Some file systems insist on UTF-8.
  for (const bytes of [[0xff, 0xfe], [0x61, 0x80], [0xe9]]) {
    try {
      writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes)]), "bytes")
    } catch (error) {
      if (process.platform === "linux") throw error
    }
  }
  writeFileSync(join(root, "empty"), "")
  writeFileSync(join(root, "large"), Buffer.alloc(3_000_001, "0123456789abcdef\n"))
  symlinkSync("a.txt", join(root, "link"))
  symlinkSync("nowhere", join(root, "dangling"))
  symlinkSync("a", join(root, "directory link"))
  spawnSync("mkfifo", [join(root, "fifo")])
}

/** All regular files, in the order of `LC_ALL=C sort`. */
export const filesOf = (root: string): Array<Buffer> => {
  const files: Array<Buffer> = []
  const visit = (directory: Buffer) => {
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: "buffer" })) {
      const path = Buffer.concat([directory, Buffer.from("/"), entry.name])
      if (entry.isDirectory()) visit(path)
      if (entry.isFile()) files.push(path)
    }
  }
  visit(Buffer.from(root))
  return files.sort((a, b) => Buffer.compare(a, b))
}

type Algorithm = "md5" | "sha256"

/** GNU's tools are the reference where they are. */
const hasTools = spawnSync("md5sum", ["/dev/null"]).status === 0

/** The output of `md5sum` or `sha256sum` for these files. */
export const sums = (algorithm: Algorithm, files: ReadonlyArray<Buffer>): Buffer => {
  if (!hasTools) return Buffer.concat(files.map((file) => computedSum(algorithm, file)))
  const input = Buffer.concat(files.map((file) => Buffer.concat([file, Buffer.of(0)])))
  const { status, stdout } = spawnSync("xargs", ["-0", `${algorithm}sum`, "--"], { input, maxBuffer: Infinity })
  if (status !== 0) throw new Error(`${algorithm}sum failed`)
  return stdout
}

const computedSum = (algorithm: Algorithm, file: Buffer): Buffer => {
  const digest = createHash(algorithm).update(readFileSync(file)).digest("hex")
  const path = file.toString("latin1")
  const name = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r")
  return Buffer.from(`${name === path ? "" : "\\"}${digest}  ${name}\n`, "latin1")
}
