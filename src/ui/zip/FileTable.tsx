import { sizeInWords } from '../../tensor/bytes.ts';
import type { Download } from '../../state/runStore.ts';
import { Icon } from '../Icon.tsx';

export function FileTable({ files }: Pick<Download, 'files'>): React.JSX.Element {
  return (
    <table className="files">
      <caption className="sr">Files in the zip</caption>
      <tbody>
        {files.map(({ path, bytes }) => (
          <tr key={path}>
            <td>
              <Icon name="file" />
              {path}
            </td>
            <td>{sizeInWords(bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
