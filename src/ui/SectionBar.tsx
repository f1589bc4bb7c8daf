const SECTIONS = [
  { id: 'run', name: 'Run' },
  { id: 'results', name: 'Results' },
  { id: 'recipe', name: 'Recipe' },
] as const;

function go(id: string): void {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.querySelector(`#${id}`)?.scrollIntoView({ behavior: calm ? 'instant' : 'smooth' });
}

/** On a phone: a way between the stacked sections. */
export function SectionBar(): React.JSX.Element {
  return (
    <nav className="tabs" aria-label="Sections">
      {SECTIONS.map(({ id, name }) => (
        <button key={id} type="button" onClick={() => go(id)}>
          {name}
        </button>
      ))}
    </nav>
  );
}
