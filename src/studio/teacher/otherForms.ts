import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';

/** A file that stands for another one, until `git lfs pull` fetches that. */
const POINTER = 'version https://git-lfs.github.com/spec/';

/** Checkpoints in forms that are not read, by the names of their files: what they are, and what makes them readable. */
const FORMS: readonly (readonly [files: RegExp, what: string, cure: string])[] = [
  [
    /^adapter_(?:config\.json|model\.(?:safetensors|bin))$|^pytorch_adapter\.bin$/,
    'an adapter (LoRA or the like) without the model that it belongs to',
    'Load it on its base model with PEFT, call merge_and_unload(), and save what that returns by save_pretrained.',
  ],
  [
    /\.ckpt(?:-\d+)?\.(?:index|meta|data-\d+-of-\d+)$|^(?:tf_model.*|.*)\.h5$|^saved_model\.pb$/,
    "TensorFlow's weights",
    'Convert them to PyTorch first: with transformers 4 and TensorFlow, from_pretrained(..., from_tf=True), then save_pretrained.',
  ],
  [
    /\.msgpack$/,
    "Flax's weights",
    'Convert them to PyTorch first: with transformers 4 and Flax, from_pretrained(..., from_flax=True), then save_pretrained.',
  ],
  [/\.gguf$/, 'weights in GGUF', 'Take the safetensors that they were made from.'],
  [/\.tflite$/, "TensorFlow Lite's weights", 'Take the checkpoint that they were made from.'],
  [/\.pdparams$/, "Paddle's weights", 'Convert them to PyTorch first, or take the safetensors of the same model.'],
  [
    /\.distcp$/,
    "PyTorch's distributed checkpoint",
    'Put it together first: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER pytorch_model.bin.',
  ],
  [/\.(?:npy|npz)$/, "NumPy's arrays, as MLX keeps weights", 'Take the safetensors of the same model.'],
  [/^openvino_model\.xml$/, "OpenVINO's model", 'Take the checkpoint that it was made from.'],
  [/\.(?:mlmodel|mlpackage|coreml)$|^(?:weight\.bin|coremldata\.bin)$/, "Core ML's model", 'Take the checkpoint that it was made from.'],
  [/\.ot$/, "rust-bert's weights", 'Take the safetensors or the pytorch_model.bin of the same model.'],
  [/\.(?:tar|tgz|gz|bz2|xz|7z|rar|zst)$/, 'a packed archive', 'Unpack it and give the folder, or pack it as a zip.'],
];

/** Checkpoints of other programs, by the names of their tensors. */
const PROGRAMS: readonly (readonly [tensors: RegExp, what: string, cure: string])[] = [
  [
    /^base_model\.model\..*\.lora_|\.lora_[AB]\./,
    'those of an adapter (LoRA) that is not merged',
    'Load it on its base model with PEFT, call merge_and_unload(), and save what that returns by save_pretrained.',
  ],
  [
    /^embedding\.(?:word\.embedding|word_embedding|pos\.embedding)\.|^encoder\.transformer\.\d+\.self_attn\.linear_layers\./,
    "UER-py's names (or TencentPretrain's)",
    "Convert it by UER-py's scripts/convert_bert_from_uer_to_huggingface.py.",
  ],
  [
    /\.(?:SCB|qweight|qzeros|g_idx|weight\.(?:absmax|quant_map|quant_state\..*))$/,
    'those of a quantised model (bitsandbytes, GPTQ or AWQ)',
    'Give the checkpoint as it was before that, or call dequantize() in transformers and save what it leaves.',
  ],
  [/(?:^|\.)sentence_encoder\.layers\.\d+\./, "fairseq's names", "Convert it by transformers' script for fairseq's checkpoints."],
  [
    /^(?:model\.)?language_model\.(?:embedding|transformer|encoder)\./,
    "Megatron's names",
    "Convert it by transformers' script for Megatron's checkpoints.",
  ],
  [/^bert\/embeddings\//, "TensorFlow's names", 'Convert it to PyTorch first: from_pretrained(..., from_tf=True), then save_pretrained.'],
];

/** Settings that a model's configuration has; those of poolers and of sentence-transformers itself have none of them. */
const MODEL_SETTINGS = ['model_type', 'architectures', 'hidden_size', 'num_hidden_layers', 'vocab_size'];

/** @param head a file's first bytes */
export function isLfsPointer(head: Uint8Array): boolean {
  return new TextDecoder().decode(head.subarray(0, POINTER.length)) === POINTER.slice(0, head.length) && head.length >= 16;
}

/** @param names of the files that are pointers */
export function pointerError(subject: string, names: readonly string[]): StudioError {
  const [first = '', ...others] = names.map(shownName);
  const many = others.length === 0 ? 'a pointer' : `pointers (and ${others.length} more)`;
  return new StudioError(
    'checkpoint',
    `${subject}: ${first} — expected the file itself, got ${many} of Git LFS. Run git lfs pull in the folder, or download the files one by one.`,
  );
}

/** Why a folder without weights cannot be read, or undefined if nothing is known of its files. */
export function otherForm(subject: string, names: Iterable<string>): StudioError | undefined {
  const all = [...names];
  for (const [files, what, cure] of FORMS) {
    const found = all.find((name) => files.test(name));
    if (found !== undefined)
      return new StudioError(
        'checkpoint',
        `${subject}: expected weights as safetensors, PyTorch or ONNX, got ${what} (${shownName(found)}). ${cure}`,
      );
  }
  return undefined;
}

/** @throws StudioError naming the program whose tensors these are */
export function refuseOtherPrograms(subject: string, tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): void {
  for (const name of tensors.keys())
    for (const [pattern, what, cure] of PROGRAMS)
      if (pattern.test(name))
        throw new StudioError(
          'checkpoint',
          `${subject}: ${shownName(name)} — expected a BERT's tensors by Hugging Face's names, got ${what}. ${cure}`,
        );
  const [[first] = [], ...empty] = [...tensors].filter(([, { shape }]) => shape.includes(0));
  // All of them in a real one; a stray empty buffer says nothing.
  if (first !== undefined && 2 * (1 + empty.length) > tensors.size)
    throw new StudioError(
      'checkpoint',
      `${subject}: ${shownName(first)} — expected numbers, got none: DeepSpeed keeps them in parts elsewhere. Run its zero_to_fp32.py in the checkpoint's folder first.`,
    );
}

/** Why a folder without `tokenizer.json` and `vocab.txt` has no tokenizer that is read, or undefined. */
export function otherTokenizer(names: Iterable<string>): StudioError | undefined {
  const all = [...names];
  const found = all.find((name) => /\.(?:model|spm)$/.test(name));
  if (found === undefined || (all.includes('vocab.json') && all.includes('merges.txt'))) return undefined;
  return new StudioError(
    'tokenizer',
    `tokenizer: expected tokenizer.json, or vocab.txt of WordPiece, got SentencePiece in its own files (${shownName(found)}). Write a tokenizer.json beside them: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER), with Hugging Face's transformers.`,
  );
}

/**
 * What an ONNX file without some tensors is, given the error that says which; undefined if it may be anything.
 * @param positions name of the table of positions
 */
export function foldedAway(subject: string, positions: string, error: StudioError): StudioError | undefined {
  const missing: unknown = error.details['missing'];
  const names: readonly string[] = Array.isArray(missing) ? missing.filter((name) => typeof name === 'string') : [];
  if (names.includes(positions))
    return new StudioError(
      'checkpoint',
      `${subject}: the table of positions — expected in the ONNX file, got nothing: an export for one length folds it away. Export the model anew with the length as a dynamic axis, or give its safetensors or PyTorch weights.`,
      error.details,
    );
  if (names.length === 0) return undefined;
  return new StudioError(
    'checkpoint',
    `${error.message} Exporters to ONNX keep tensors that are equal, as in an untrained model, once: its safetensors or PyTorch weights have them all.`,
    error.details,
  );
}

/** Whether a parsed `config.json` is a model's. */
export function isModelConfig(json: unknown): boolean {
  return typeof json !== 'object' || json === null || MODEL_SETTINGS.some((setting) => setting in json);
}

/**
 * A model's settings with the family that they mean: those without `model_type` may name an architecture, or count positions as
 * RoBERTa does.
 * @throws StudioError if heads were pruned, or a RoBERTa does not say that it is one
 */
export function knownFamily(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const settings = new Map<string, unknown>(Object.entries(json));
  const pruned = settings.get('pruned_heads');
  if (
    typeof pruned === 'object' &&
    pruned !== null &&
    Object.values<unknown>({ ...pruned }).some((heads) => !Array.isArray(heads) || heads.length > 0)
  )
    throw new StudioError(
      'config',
      `config.json: pruned_heads — expected none, got heads of ${Object.keys(pruned).length} layers: layers of different widths are not read. Give the model as it was before heads were pruned; the studio takes heads away itself (a recipe with fewer heads).`,
    );
  if (settings.has('model_type')) return json;
  const architectures = settings.get('architectures');
  const named = Array.isArray(architectures)
    ? architectures
        .map(String)
        .map(familyOfArchitecture)
        .find((one) => one !== undefined)
    : undefined;
  if (named !== undefined) return { ...json, model_type: named };
  if (settings.get('type_vocab_size') === 1 && settings.get('pad_token_id') === 1)
    throw new StudioError(
      'config',
      'config.json: model_type — expected the family, got none, with one segment and padding by token 1 as RoBERTa has, which counts positions from 2. Add "model_type": "roberta", or "bert" if it is a BERT all the same.',
    );
  return json;
}

/** `roberta` of `RobertaForMaskedLM`. */
function familyOfArchitecture(name: string): string | undefined {
  const family = /^(?<family>\w+?)(?:For[A-Z]\w*|Model|LMHeadModel|PreTrainedModel)$/.exec(name)?.groups?.['family'];
  if (family === undefined) return undefined;
  const spelt: Readonly<Record<string, string>> = { XLMRoberta: 'xlm-roberta', DebertaV2: 'deberta-v2', NomicBert: 'nomic_bert' };
  return spelt[family] ?? family.toLowerCase();
}
