import type { Download } from '../../state/runStore.ts';
import { Icon } from '../Icon.tsx';
import { size } from '../numbers.ts';

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
            <td>{size(bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface VerificationProps {
  readonly checked: Download['checked'];
  readonly largest: number;
}

/** Largest difference between this engine's logits and onnxruntime-web's, a row a shape. */
export function VerificationTable({ checked, largest }: VerificationProps): React.JSX.Element {
  return (
    <table className="verify">
      <caption className="note">Largest difference of any logit, this engine against onnxruntime-web</caption>
      <tbody>
        {checked.map(({ batch, length, difference }) => (
          <tr key={`${batch} ${length}`}>
            <th scope="row">
              {batch} × {length} tokens
            </th>
            <td>{difference.toExponential(1)}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">Largest</th>
          <td data-testid="largest-difference">
            <Icon name="check" /> {largest.toExponential(1)}
          </td>
        </tr>
      </tbody>
    </table>
  );
}
