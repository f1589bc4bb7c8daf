import { InvalidArgumentError, Option, type Command } from 'commander';
import { isLegal, legalInWords, type Setting } from '../studio/settings/setting.ts';
import { SETTINGS, type SettingName, type Settings } from '../studio/settings/settings.ts';

const ROWS = Object.entries<Setting>(SETTINGS);

/** The settings that stand elsewhere in help: with the text, or with the student. */
const ELSEWHERE: ReadonlySet<string> = new Set<SettingName>([
  'batch',
  'sequence',
  'documents',
  'seed',
  'tied',
  'vocabulary',
  'vocabularyText',
]);

function optionOf(flags: string, setting: Setting): Option {
  const usual = typeof setting.default === 'function' || setting.kind === 'switch' ? '' : ` (default: ${setting.default})`;
  const option = new Option(flags, `${setting.help ?? ''}${usual}`);
  if (setting.kind === 'choice') return option.choices(Object.keys(setting.words));
  if (setting.kind === 'switch') return option;
  return option.argParser((text: string) => {
    const value = Number(text);
    if (text.trim() === '' || !isLegal(setting, value)) throw new InvalidArgumentError(`Expected ${legalInWords(setting)}, got ${text}.`);
    return value;
  });
}

/** Adds the options of some settings, as the table describes them. */
export function settingOptions(command: Command, isWanted: (name: string) => boolean): Command {
  for (const [name, setting] of ROWS) {
    if (setting.option === undefined || !isWanted(name)) continue;
    command.addOption(optionOf(setting.option, setting));
    if (setting.kind === 'switch' && setting.noHelp !== undefined)
      command.addOption(new Option(setting.option.replace('--', '--no-'), setting.noHelp));
  }
  return command;
}

/** Adds the options of every setting that stands nowhere else. */
export function trainingOptions(command: Command): Command {
  return settingOptions(command, (name) => !ELSEWHERE.has(name));
}

/** The settings that were given as options. */
export function givenSettings(options: object): Partial<Settings> {
  const given = ROWS.flatMap(([name, setting]) => {
    if (setting.option === undefined) return [];
    const value: unknown = Reflect.get(options, new Option(setting.option).attributeName());
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}
