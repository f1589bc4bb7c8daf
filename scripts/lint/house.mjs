// A rule of this house for the linter: what a method does is asked of its object, so no file but those of studio/methods/ and
// studio/settings/ names a method or compares a recipe's mode.
import { readFileSync } from 'node:fs';

const TABLE = new URL('../../src/studio/settings/modes.ts', import.meta.url);

/** The methods' names, as their table lists them. */
function methodNames() {
  const found = [...readFileSync(TABLE, 'utf8').matchAll(/^ {2}(\w+): \{\n {4}label: /gm)].map(([, name]) => name);
  if (found.length < 2) throw new Error('scripts/lint/house.mjs: expected rows of methods in src/studio/settings/modes.ts, got none.');
  return found;
}

/** `calibrated` is also where a baseline may start from, a setting's value. */
const names = new Set(methodNames().filter((name) => name !== 'calibrated'));
const COMPARISONS = new Set(['==', '===', '!=', '!==']);
const CURE = 'Ask the method instead (docs/adding-a-method.md).';

function isMode(node) {
  if (node.type === 'Identifier') return node.name === 'mode';
  return node.type === 'MemberExpression' && !node.computed && node.property.name === 'mode';
}

const methodsAtHome = {
  meta: { type: 'problem' },
  create(context) {
    const named = (node, text) => {
      if (names.has(text))
        context.report({ node, message: `'${text}' is a method, and only studio/methods/ and studio/settings/ name one. ${CURE}` });
    };
    return {
      Literal: (node) => named(node, node.value),
      TemplateElement: (node) => named(node, node.value.cooked),
      BinaryExpression(node) {
        if (COMPARISONS.has(node.operator) && (isMode(node.left) || isMode(node.right)))
          context.report({ node, message: `A recipe's mode is compared in studio/methods/ and studio/settings/ alone. ${CURE}` });
      },
      SwitchStatement(node) {
        if (isMode(node.discriminant))
          context.report({ node, message: `A recipe's mode is compared in studio/methods/ and studio/settings/ alone. ${CURE}` });
      },
    };
  },
};

export default { meta: { name: 'house' }, rules: { 'methods-at-home': methodsAtHome } };
