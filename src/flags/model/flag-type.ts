export const flagTypes = ['BOOLEAN', 'STRING', 'NUMBER', 'OBJECT'] as const;
export type FlagType = (typeof flagTypes)[number];
