// A bundle per entry: `--mode app` for the server's page, `--mode snapshot` for pages that live in one file, `--mode site`
// for the static site, which alone carries ONNX Runtime; `--mode site-testing` is what tests ask of the site's engine.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { defaultClientConditions, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const builtTo = (entry: string) => here(`../src/logitscope/web_build/${entry}`);

const app = {
  outDir: builtTo("app"),
  emptyOutDir: true,
  // The content-security policy allows files of the server's own and nothing written into the page.
  assetsInlineLimit: 0,
  modulePreload: { polyfill: false },
  rolldownOptions: { input: here("app.html") },
};

const snapshot = {
  outDir: builtTo("snapshot"),
  emptyOutDir: true,
  cssCodeSplit: false,
  modulePreload: false as const,
  rolldownOptions: {
    input: here("src/snapshot/main.ts"),
    // One script and one sheet under fixed names: Python writes them into the page.
    output: {
      format: "iife" as const,
      entryFileNames: "snapshot.js",
      assetFileNames: "snapshot[extname]",
      codeSplitting: false,
    },
  },
};

/** Old hosts know no .mjs. What graphics processors need is known by its name: not every site has it. */
const plainly = ({ names }: { names: string[] }) => {
  if (!names[0]?.endsWith(".mjs")) return "assets/[name]-[hash][extname]";
  return names[0].includes("asyncify") ? "assets/webgpu-glue-[hash].js" : "assets/[name]-[hash].js";
};

const site = {
  ...app,
  outDir: builtTo("site"),
  rolldownOptions: {
    input: { site: here("site.html"), sw: here("src/site/sw.ts") },
    // A service worker has one address for ever, and no imports.
    output: {
      entryFileNames: ({ name }: { name: string }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      assetFileNames: plainly,
    },
  },
};

const testing = {
  ...app,
  rolldownOptions: {
    input: here("src/site/testing.ts"),
    preserveEntrySignatures: "strict" as const,
    output: { entryFileNames: "testing.js" },
  },
};

const builds: Readonly<Record<string, object>> = { snapshot, site, "site-testing": testing };
const publicDirs: Readonly<Record<string, string | false>> = {
  snapshot: false,
  site: "public-site",
  "site-testing": false,
};

/** The runtime's glue is a file of its own, which threads need too. */
const lean = ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions];

const conditions: Readonly<Record<string, string[]>> = {
  // In tests, components run as in a browser and not as on a server.
  test: ["browser"],
  site: lean,
  "site-testing": lean,
};

/** What a folder that any static host serves has beside the page: the program packed, and names that hosts know. */
function hosted(): Plugin {
  const programs = { "ort-wasm-simd-threaded": "ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify": "webgpu" };
  return {
    name: "logitscope-hosted",
    enforce: "post",
    generateBundle(_, bundle) {
      // The page hands the program over; the runtime's own way to it leads nowhere here.
      for (const name of Object.keys(bundle)) if (name.endsWith(".wasm")) delete bundle[name];
      for (const [runtime, name] of Object.entries(programs)) {
        const program = readFileSync(here(`node_modules/onnxruntime-web/dist/${runtime}.wasm`));
        const packed = deflateSync(program, { level: 9 });
        const hash = createHash("sha256").update(packed).digest("hex").slice(0, 8);
        this.emitFile({ type: "asset", fileName: `ort/${name}-${hash}.wasm.deflate`, source: packed });
      }
      this.emitFile({ type: "asset", fileName: "icons/icon.svg", source: readFileSync(here("public/icon.svg")) });
      const page = bundle["site.html"];
      if (page?.type === "asset") {
        delete bundle["site.html"];
        this.emitFile({ type: "asset", fileName: "index.html", source: page.source });
      }
    },
  };
}

export default defineConfig(({ mode }) => ({
  root: here("."),
  base: "./",
  publicDir: publicDirs[mode] ?? "public",
  plugins: [svelte(), ...(mode === "site" ? [hosted()] : [])],
  resolve: { conditions: conditions[mode] ?? [...defaultClientConditions] },
  build: { target: "es2022", sourcemap: false, ...(builds[mode] ?? app) },
  worker: { format: "es" as const, rolldownOptions: { output: { assetFileNames: plainly } } },
  // The page of all marks draws the traces that the tests hold, which lie outside this folder.
  server: { proxy: { "/api": "http://127.0.0.1:8642" }, fs: { allow: [".."] } },
  // A slow machine fails no test: how long one takes says nothing about it.
  test: { include: ["src/**/*.test.ts"], environment: "node", testTimeout: 120_000, hookTimeout: 120_000 },
}));
