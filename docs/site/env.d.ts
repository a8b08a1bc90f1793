declare module "*.css"
declare module "*.vue" {
  import type { DefineComponent } from "vue"
  const component: DefineComponent
  export default component
}
// A declaration of another module may not import by a relative path.
/* eslint-disable @typescript-eslint/consistent-type-imports */
declare module "virtual:scenarios" {
  export const presets: ReadonlyArray<import("./build/scenarios.ts").Preset>
}
declare module "virtual:landing" {
  export const landing: import("./build/landing.ts").Landing
}
