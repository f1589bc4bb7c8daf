export function Brand(): React.JSX.Element {
  return (
    <div className="brand">
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <path d="M2.5 2.5h15v15h-15z" className="mark-t" />
        <path d="M2 10h8v8H2z" className="mark-s" />
        <path d="M10 10l7.5-7.5" className="mark-t" />
      </svg>
      <span>WID Studio</span>
    </div>
  );
}
