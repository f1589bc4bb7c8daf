import { OUTPUTS, useRun, type ExportOptions } from '../../state/runStore.ts';
import { Icon } from '../Icon.tsx';

export const EXPORT_DEFAULTS: ExportOptions = {
  weights: 'fp32',
  fp16: false,
  int8: true,
  q4: false,
  attentions: false,
  compactors: true,
  latency: true,
};

const SWITCHES = [
  { name: 'int8', says: 'ONNX in int8, the default of transformers.js on a CPU' },
  { name: 'fp16', says: 'ONNX in fp16, for GPUs' },
  { name: 'q4', says: 'ONNX in four bits, for GPUs' },
  { name: 'attentions', says: 'ONNX with attentions, for looking into' },
  { name: 'compactors', says: 'Compactors, to study or continue the run' },
  { name: 'latency', says: 'Measure latency beside the teacher' },
] as const satisfies readonly { readonly name: keyof ExportOptions; readonly says: string }[];

interface ExportChoicesProps {
  readonly options: ExportOptions;
  readonly onOptions: (options: ExportOptions) => void;
}

function withOutputs(options: ExportOptions, name: string): ExportOptions {
  const { outputs: _before, ...others } = options;
  const chosen = OUTPUTS.find((output) => output.name === name);
  return chosen === undefined ? others : { ...others, outputs: chosen.name };
}

/** What will be in the zip. */
export function ExportChoices({ options, onOptions }: ExportChoicesProps): React.JSX.Element {
  const exporting = useRun((state) => state.exporting);
  return (
    <details className="report export-choices">
      <summary>
        <span>What goes in</span>
        <span className="note">
          {options.weights}, ONNX fp32{options.fp16 === true ? ', fp16' : ''}
          {options.int8 === true ? ', int8' : ''}
          {options.q4 === true ? ', q4' : ''}
          {options.outputs === undefined ? '' : `, ${options.outputs}`}
        </span>
        <Icon name="down" />
      </summary>
      <fieldset disabled={exporting}>
        <legend className="sr">Contents of the zip</legend>
        <label className="inline switch">
          model.safetensors in
          <select
            value={options.weights}
            onChange={(event) => onOptions({ ...options, weights: event.currentTarget.value === 'fp16' ? 'fp16' : 'fp32' })}
          >
            <option value="fp32">fp32</option>
            <option value="fp16">fp16</option>
          </select>
        </label>
        <label className="inline switch">
          Files answer with
          <select
            value={options.outputs ?? ''}
            data-testid="outputs"
            onChange={(event) => onOptions(withOutputs(options, event.currentTarget.value))}
          >
            <option value="">what the model gives</option>
            {OUTPUTS.map(({ name, says }) => (
              <option key={name} value={name}>
                {name}: {says}
              </option>
            ))}
          </select>
        </label>
        {SWITCHES.map(({ name, says }) => (
          <label key={name} className="inline switch">
            <input
              type="checkbox"
              data-testid={`with-${name}`}
              checked={options[name] === true}
              onChange={(event) => onOptions({ ...options, [name]: event.currentTarget.checked })}
            />
            {says}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
