/**
 * Characters that a terminal obeys instead of showing: C0 (except line breaks), DEL, C1, and those that change the direction of
 * text.
 */
const controls = /[^\P{Cc}\n]|\p{Bidi_Control}/gu;

/**
 * Escapes such characters, for example as \u001b, so that text can be shown on a terminal. JSON keeps its meaning, because its
 * strings allow these escapes.
 */
export const escapeControls = (text: string): string =>
  text.replaceAll(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
