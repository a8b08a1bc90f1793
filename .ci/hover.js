// What an editor shows at a hover or a call: every export, every signature of a function, and every property of a public
// type must have a doc comment of its own, and every export the version that it came with. Prints those that have none,
// and exits 1 if there are any.
import { readdirSync } from "node:fs"
import { relative } from "node:path"
import ts from "typescript"

const root = process.cwd()
const { config } = ts.readConfigFile("tsconfig.json", (name) => ts.sys.readFile(name))
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
// The files that package.json exports, in the sources. Of the kit only its index is public.
const entries = ["src", "src/durable", "src/inspect", "src/threads"].flatMap((folder) =>
  readdirSync(folder).filter((name) => name.endsWith(".ts")).map((name) => `${root}/${folder}/${name}`)
).concat(`${root}/src/testing/index.ts`)
const program = ts.createProgram(entries, options)
const checker = program.getTypeChecker()

const isOurs = (node) => node.getSourceFile().fileName.startsWith(`${root}/src/`)
const isInternal = (symbol) => symbol.getJsDocTags(checker).some(({ name }) => name === "internal")
const isDocumented = (documented) => ts.displayPartsToString(documented.getDocumentationComment(checker)).trim() !== ""
const placeOf = (node) => {
  const file = node.getSourceFile()
  return `${relative(root, file.fileName)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

let exported = 0
let signatures = 0
let properties = 0
const missing = new Map()
const miss = (node, name) => missing.set(placeOf(node) + name, `${placeOf(node)}: ${name}`)

const seen = new Set()
/** The types that public ones refer to: visited last, when those that have a public name have been. */
const referred = []

/**
 * The type that a node spells, also behind Readonly<...>, unions, intersections and arrays: its properties, one by one.
 * A type of ours that no entry exports by its name is public all the same where a public type refers to it.
 */
const visitTypeNode = (node, name) => {
  if (ts.isTypeLiteralNode(node)) visitMembers(node.members, name)
  else if (ts.isFunctionTypeNode(node)) visitTypesOf(node, name)
  else if (ts.isMappedTypeNode(node) && node.type && ts.isFunctionTypeNode(node.type)) {
    // Its properties have no comment of ours, and a function type has none that an editor shows: a call signature has.
    miss(node.type, `${name}[...]()`)
    visitTypesOf(node.type, name)
  } else {
    const named = ts.isTypeReferenceNode(node) ?
      node.typeName
      : ts.isExpressionWithTypeArguments(node) ?
      node.expression
      : undefined
    const symbol = named && checker.getSymbolAtLocation(named)
    if (symbol) visitReferred(symbol, name)
    ts.forEachChild(node, (child) => visitTypeNode(child, name))
  }
}

/** The types of the parameters, and of the result. */
const visitTypesOf = (declaration, name) => {
  for (const { type } of declaration.parameters) if (type) visitTypeNode(type, name)
  if (declaration.type) visitTypeNode(declaration.type, name)
}

const visitReferred = (symbol, name) => {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  if (isInternal(target)) return
  for (const declaration of target.declarations ?? []) {
    if (
      ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration) ||
      ts.isClassDeclaration(declaration)
    ) {
      if (isOurs(declaration)) referred.push([declaration, target, `${name} (${target.name})`])
    }
  }
}

const visitMembers = (members, owner) => {
  for (const member of members) {
    if (ts.isConstructorDeclaration(member) || ts.isClassStaticBlockDeclaration(member)) continue
    const modifiers = ts.canHaveModifiers(member) ? ts.getModifiers(member) ?? [] : []
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) continue
    if (!member.name || ts.isPrivateIdentifier(member.name)) {
      // A call or construct signature.
      if (ts.isCallSignatureDeclaration(member)) visitSignature(member, owner)
      continue
    }
    const name = `${owner}.${member.name.getText()}`
    const symbol = checker.getSymbolAtLocation(member.name)
    // A type id or a variance marker is for the compiler.
    if (!symbol || isInternal(symbol) || ts.isComputedPropertyName(member.name)) continue
    if (ts.isMethodSignature(member) || ts.isMethodDeclaration(member)) {
      visitSignature(member, name)
      continue
    }
    properties++
    if (!isDocumented(symbol)) miss(member, name)
    if (member.type) visitTypeNode(member.type, name)
  }
}

const visitSignature = (declaration, name) => {
  signatures++
  const signature = checker.getSignatureFromDeclaration(declaration)
  if (signature && !isDocumented(signature)) miss(declaration, `${name}()`)
  visitTypesOf(declaration, name)
}

const visitDeclaration = (declaration, symbol, name) => {
  if (seen.has(declaration) || !isOurs(declaration)) return
  seen.add(declaration)
  if (ts.isFunctionDeclaration(declaration)) {
    // The implementation of an overloaded function shows nowhere.
    const overloads = symbol.declarations.filter((other) => ts.isFunctionDeclaration(other) && !other.body)
    if (!declaration.body || overloads.length === 0) visitSignature(declaration, name)
    return
  }
  if (ts.isModuleDeclaration(declaration)) {
    for (const inner of checker.getExportsOfModule(symbol)) visit(inner, `${name}.${inner.name}`)
    return
  }
  exported++
  if (!isDocumented(symbol)) miss(declaration, name)
  if (ts.isInterfaceDeclaration(declaration) || ts.isClassDeclaration(declaration)) {
    // Also the fields that are type arguments of what a class extends: those of a tagged error.
    for (const { types } of declaration.heritageClauses ?? []) for (const type of types) visitTypeNode(type, name)
    visitMembers(declaration.members, name)
  }
  if (ts.isTypeAliasDeclaration(declaration)) visitTypeNode(declaration.type, name)
  if (ts.isVariableDeclaration(declaration)) {
    if (declaration.type) visitTypeNode(declaration.type, name)
    else {
      for (
        let { initializer } = declaration;
        initializer && ts.isArrowFunction(initializer);
        initializer = initializer.body
      ) visitTypesOf(initializer, name)
    }
    for (const { declaration: called } of checker.getTypeAtLocation(declaration).getCallSignatures()) {
      if (called && isOurs(called) && ts.isCallSignatureDeclaration(called) && !seen.has(called)) {
        seen.add(called)
        visitSignature(called, name)
      }
    }
  }
}

const visit = (symbol, name) => {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  if (isInternal(target)) return
  const hasVersion = target.getJsDocTags(checker).some(({ name }) => name === "since")
  for (const declaration of target.declarations ?? []) {
    if (ts.isSourceFile(declaration)) {
      for (const inner of checker.getExportsOfModule(target)) visit(inner, `${name}.${inner.name}`)
      continue
    }
    if (!hasVersion && isOurs(declaration)) miss(declaration, `${name}, @since`)
    visitDeclaration(declaration, target, name)
  }
}

for (const entry of entries) {
  const file = checker.getSymbolAtLocation(program.getSourceFile(entry))
  const module = relative(`${root}/src`, entry).replace(/\.ts$/, "")
  for (const symbol of file ? checker.getExportsOfModule(file) : []) visit(symbol, `${module}.${symbol.name}`)
}

for (const [declaration, symbol, name] of referred) visitDeclaration(declaration, symbol, name)

console.log([...missing.values()].join("\n"))
console.log(
  `${exported} exports, ${signatures} signatures, ${properties} properties; without a doc comment: ${missing.size}`
)
if (missing.size > 0) process.exitCode = 1
