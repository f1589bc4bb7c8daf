const SECTIONS = [
  { id: 'run', name: 'Run' },
  { id: 'results', name: 'Results' },
  { id: 'recipe', name: 'Recipe' },
] as const;

/** On a phone: a way between the stacked sections. */
export function SectionBar(): React.JSX.Element {
  return (
    <nav className="tabs" aria-label="Sections">
      {SECTIONS.map(({ id, name }) => (
        <button key={id} type="button" onClick={() => document.querySelector(`#${id}`)?.scrollIntoView({ behavior: 'smooth' })}>
          {name}
        </button>
      ))}
    </nav>
  );
}
