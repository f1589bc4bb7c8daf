import { DropdownMenu } from 'radix-ui';
import { Icon } from '../Icon.tsx';
import { csvBlob, pngBlob, saveFile, svgBlob } from './saveFile.ts';

interface SaveMenuProps {
  /** What is saved, for people. */
  readonly what: string;
  /** Of the file, without its ending. */
  readonly file: string;
  readonly csv?: () => readonly (readonly (string | number)[])[];
  /** A whole SVG document; the PNG is drawn from it. */
  readonly svg?: (() => string) | undefined;
  readonly disabled?: boolean;
}

/** Saves one figure: its numbers as CSV, its drawing as SVG or PNG. */
export function SaveMenu({ what, file, csv, svg, disabled }: SaveMenuProps): React.JSX.Element {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger className="btn quiet icon tiny" aria-label={`Save ${what}`} title={`Save ${what}`} disabled={disabled}>
        <Icon name="save" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={2} collisionPadding={8}>
          {csv === undefined ? null : (
            <DropdownMenu.Item className="menu-item" onSelect={() => saveFile(`${file}.csv`, csvBlob(csv()))}>
              CSV, the numbers
            </DropdownMenu.Item>
          )}
          {svg === undefined ? null : (
            <>
              <DropdownMenu.Item className="menu-item" onSelect={() => saveFile(`${file}.svg`, svgBlob(svg()))}>
                SVG, for papers
              </DropdownMenu.Item>
              <DropdownMenu.Item className="menu-item" onSelect={() => void pngBlob(svg()).then((blob) => saveFile(`${file}.png`, blob))}>
                PNG, for slides
              </DropdownMenu.Item>
            </>
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
