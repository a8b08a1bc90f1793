import { defineClientComponent, inBrowser, type Theme } from "vitepress"
import DefaultTheme from "vitepress/theme-without-fonts"
import Explorer from "../../client/Explorer.vue"
import Failure from "../../client/Failure.vue"
import Hero from "../../client/Hero.vue"
import Proofs from "../../client/Proofs.vue"
import Runnable from "../../client/Runnable.vue"
import Steps from "../../client/Steps.vue"
import { showTypes } from "../../client/types"
import "./style.css"

/** With Effect and the sources of sluice: loaded on its page alone. */
const Pool = defineClientComponent(() => import("../../pool/PoolPage.vue"))

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    for (const [name, component] of Object.entries({ Explorer, Failure, Hero, Pool, Proofs, Runnable, Steps })) {
      app.component(name, component)
    }
    if (inBrowser) showTypes()
  }
} satisfies Theme
