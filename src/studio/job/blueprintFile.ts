import { biasOf, blueprintOf, type Module } from '../../models/blueprint.ts';
import { configToJson, type ModelConfig } from '../../models/config.ts';
import { familyOf } from '../../models/families/registry.ts';
import { decoderName, parameterShapes } from '../../models/model.ts';
import { hexOf } from '../../tensor/bytes.ts';
import { compactorShapes, linearSites, normSites, stackName, type Site } from '../../wid/compactors.ts';
import { squareTable } from '../../wid/paper/masks.ts';
import { maskedSides } from '../../wid/paper/spaceOf.ts';
import { studentConfig, type SpaceTable } from '../../wid/spaces.ts';
import { sha256 } from '../runs/sealedFile.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** A model as a job describes it: configuration, and every module with the names of its parameters. */
function modelOf(config: ModelConfig): object {
  const blueprint = blueprintOf(config);
  return {
    config,
    positionOffset: blueprint.positionOffset,
    modules: blueprint.modules,
    decoder: decoderName(config),
    shapes: Object.fromEntries(parameterShapes(config)),
    copies: Object.fromEntries(familyOf(config.family).copies(config)),
    huggingFace: configToJson(config),
  };
}

function pairOf(module: Module): object {
  return { weight: module.weight, bias: biasOf(module) };
}

function siteFields(site: Site): object {
  const { theirs, ours, ...fields } = site;
  return {
    ...fields,
    writes: ours.writes,
    reads: ours.reads,
    theirs: pairOf(theirs),
    ours: pairOf(ours),
    stack: { weight: stackName(site, 'weight'), bias: stackName(site, 'bias') },
  };
}

/** Compactors, and where they stand. */
function compactorsOf(table: SpaceTable): object {
  return {
    sites: linearSites(table).map(siteFields),
    norms: normSites(table).map(({ theirs, ours }) => ({
      writes: ours.writes,
      layer: ours.layer,
      theirs: pairOf(theirs),
      ours: pairOf(ours),
    })),
    shapes: Object.fromEntries(compactorShapes(table)),
  };
}

/** SHA-256 of every tensor of a teacher's checkpoint as float32, in hexadecimal. */
async function digestsOf({ model }: Teacher, names: Iterable<string>): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const name of names) {
    const data = model.tensors.get(name)?.data;
    if (data !== undefined) digests[name] = hexOf(await sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
  }
  return digests;
}

/** Compactors of the published method, which are square, and what its masks are about. */
function squareOf(config: ModelConfig, table: SpaceTable): object {
  const square = squareTable(table);
  return {
    ...compactorsOf(square),
    model: modelOf(studentConfig(config, square)),
    masked: Object.fromEntries(maskedSides(table)),
  };
}

/**
 * All that PyTorch must know of both models and of the compactors between them, so that it needs no list of families of its own.
 * @param own names of the teacher's parameters that its checkpoint has, and where they are there
 * @param square whether compactors are square while they are trained
 */
export async function blueprintFile(
  teacher: Teacher,
  table: SpaceTable,
  own: ReadonlyMap<string, string>,
  square: boolean,
): Promise<object> {
  const { config } = teacher.model;
  return {
    teacher: { ...modelOf(config), sources: Object.fromEntries(own), sha256: await digestsOf(teacher, own.keys()) },
    student: modelOf(studentConfig(config, table)),
    table,
    compactors: compactorsOf(table),
    ...(square ? { square: squareOf(config, table) } : {}),
  };
}
