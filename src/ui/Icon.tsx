const PATHS = {
  play: <path d="M5 3.2v9.6L12.5 8z" className="fill" />,
  step: (
    <>
      <path d="M3.5 3.2v9.6L9.8 8z" className="fill" />
      <path d="M12.5 3.5v9" strokeWidth="2" />
    </>
  ),
  pause: <path d="M5.5 3.5v9m5-9v9" strokeWidth="2.4" />,
  stop: <rect x="4" y="4" width="8" height="8" rx="1" className="fill" />,
  grow: <path d="M9.5 2.5h4v4m0-4L9 7M6.5 13.5h-4v-4m0 4L7 9" strokeWidth="1.4" />,
  more: <path d="M3.5 8h.1M8 8h.1M12.5 8h.1" strokeWidth="2.4" />,
  check: <path d="m3.2 8.6 3.1 3.1 6.5-7.2" strokeWidth="1.75" />,
  warn: <path d="M8 2.2 14.4 13H1.6zM8 6.4v3.2M8 11.3v.4" strokeWidth="1.4" />,
  close: <path d="m4 4 8 8m0-8-8 8" strokeWidth="1.5" />,
  down: <path d="m4.5 6.2 3.5 3.6 3.5-3.6" strokeWidth="1.5" />,
  save: <path d="M8 2.5v8m-3.3-3L8 10.8l3.3-3.3M3 13.5h10" strokeWidth="1.5" />,
  file: <path d="M4 1.8h5l3.2 3.2v9.2H4zM8.8 2v3.2H12" strokeWidth="1.25" />,
  moon: <path d="M13.2 9.6A5.7 5.7 0 0 1 6.4 2.8a5.7 5.7 0 1 0 6.8 6.8z" strokeWidth="1.4" />,
  sun: (
    <>
      <circle cx="8" cy="8" r="2.8" strokeWidth="1.4" />
      <path d="M8 1.5v1.6m0 9.8v1.6M1.5 8h1.6m9.8 0h1.6M3.4 3.4l1.1 1.1m7 7 1.1 1.1m0-9.2-1.1 1.1m-7 7-1.1 1.1" strokeWidth="1.4" />
    </>
  ),
} as const;

/** A decoration beside words that say the same; never alone. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }): React.JSX.Element {
  return (
    <svg className="ico" viewBox="0 0 16 16" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}
