/** Whether `engines` of package.json covers this version of Node. */
export function fitsNode(version: string): boolean;
