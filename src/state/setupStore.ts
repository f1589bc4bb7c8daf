import { create } from 'zustand';
import type { PlanReport, StepCost } from '../studio/api/cost.ts';
import type { EngineChoice, EngineReport } from '../studio/api/engine.ts';
import type { ModelShape, Recipe, ShapeDefaults, StudentPreset } from '../studio/api/recipe.ts';
import type { TaskWords, TeacherReport } from '../studio/api/teacher.ts';
import type { TextReport } from '../studio/api/text.ts';

export type { EngineChoice, EngineReport, ModelShape, PlanReport, Recipe, TaskWords, TeacherReport, TextReport };

/** Measured work of the engine in floating-point operations a second, and where the figure is from, in words. */
export interface Speed {
  readonly flops: number;
  readonly from: string;
}

/** Defaults for students with the teacher's sizes but fewer layers, and for others. */
export interface DefaultsByShape {
  readonly onlyShallower: ShapeDefaults;
  readonly narrower: ShapeDefaults;
}

/** What the user chose: changes by hand, a few times a minute. */
export interface SetupState {
  readonly engine: EngineReport | undefined;
  readonly engineChoice: EngineChoice;
  /** Of the engine at matrix products, GFLOP/s. */
  readonly gflops: number | undefined;
  readonly teacher: TeacherReport | undefined;
  readonly text: TextReport | undefined;
  readonly recipe: Recipe | undefined;
  readonly byShape: DefaultsByShape | undefined;
  readonly plan: PlanReport | undefined;
  /** Memory and work of the steps, phase by phase; undefined while it is being computed. */
  readonly costs: readonly StepCost[] | undefined;
  readonly speed: Speed | undefined;
  readonly presets: readonly StudentPreset[];
  /** What is being read now, for people; undefined = nothing. Set by `whileReading` alone. */
  readonly reading: string | undefined;
  /** A text is being read, which can be cancelled. */
  readonly readingText: boolean;
  /** A teacher is being fetched, which can be cancelled. */
  readonly fetching: boolean;
  /** Bytes that this browser keeps of fetched repositories. */
  readonly fetchedBytes: number;
}

export const useSetup = create<SetupState>(() => ({
  engine: undefined,
  engineChoice: 'auto',
  gflops: undefined,
  teacher: undefined,
  text: undefined,
  recipe: undefined,
  byShape: undefined,
  plan: undefined,
  costs: undefined,
  speed: undefined,
  presets: [],
  reading: undefined,
  readingText: false,
  fetching: false,
  fetchedBytes: 0,
}));
