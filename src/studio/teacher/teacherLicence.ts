const FRONT_MATTER = /^---\r?\n(?<head>[\s\S]*?)\r?\n---/;
/** Hugging Face writes identifiers such as `apache-2.0`; anything else could break out of the model card's header. */
const LICENCE = /^licen[sc]e:[ \t]*["']?(?<name>[A-Za-z0-9][A-Za-z0-9.+-]{0,60})["']?[ \t]*\r?$/m;

/** The licence that a checkpoint's `README.md` names in its header, or undefined. */
export function licenceOf(readme: string | undefined): string | undefined {
  const head = FRONT_MATTER.exec(readme ?? '')?.groups?.['head'];
  return LICENCE.exec(head ?? '')?.groups?.['name'];
}
