import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

// What stands left may be imported by what stands right. Features never import one another: they
// meet in `app`, as Python's slices meet in `compose`. Imports between folders are written `~/...`,
// imports within a folder `./...`, so that these patterns see every one of them.
const LAYERS = ['i18n', 'api', 'ui', 'session', 'features', 'app'];

const borders = LAYERS.map((layer, rank) => {
  const closed = [...LAYERS.slice(rank + 1), ...(layer === 'features' ? ['features'] : [])];
  return {
    files: [`src/${layer}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['../*'], message: 'Across folders, import from ~/...' },
            ...closed.map((other) => ({
              group: [`~/${other}`, `~/${other}/*`],
              message: `${layer} may not know ${other} (see eslint.config.js).`,
            })),
          ],
        },
      ],
    },
  };
});

export default ts.config(
  { ignores: ['node_modules', 'src/api/schema.ts'] },
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  {
    files: ['**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      'max-lines': ['error', 250],
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'Text is rendered as text.',
        },
        {
          selector: "CallExpression[callee.name='parseFloat']",
          message: 'Money is integers: src/i18n/money.ts reads and writes it.',
        },
      ],
    },
  },
  ...borders,
);
