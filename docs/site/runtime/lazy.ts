/** All that programs may import, by name. The build writes the object: `build/runtime.ts`. */
import type { Module } from "./modules.ts"

export declare const lazy: Readonly<Record<string, Module>>
