/** What a terminal acts upon instead of showing it: C0 (a line break aside), DEL, C1, and what turns the direction of text. */
const controls = /[^\P{Cc}\n]|\p{Bidi_Control}/gu;

/** Text for a terminal, with such characters as \u001b. JSON stays what it was: the strings in it may be written so. */
export const escapeControls = (text: string): string =>
  text.replaceAll(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
