export type AuditVerdict = 'clean' | 'serious' | 'unknown';
export function auditVerdict(output: string): { verdict: AuditVerdict; lines: string[] };
export function audit(): AuditVerdict;
