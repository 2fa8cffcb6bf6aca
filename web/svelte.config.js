// svelte-check reads this too; components hold plain TypeScript types, which Svelte strips by itself.
export default { compilerOptions: { runes: true } };
