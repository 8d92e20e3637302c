/** The object without its null fields, for inputs in which null means the same as absent. */
export const withoutNulls = <Value extends object>(value: Value): { [Field in keyof Value]?: NonNullable<Value[Field]> } =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field != null)) as {
    [Field in keyof Value]?: NonNullable<Value[Field]>;
  };
