/** What is there of an object: a field that is null says the same as an absent one. */
export const withoutNulls = <Value extends object>(value: Value): { [Field in keyof Value]?: NonNullable<Value[Field]> } =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field != null)) as {
    [Field in keyof Value]?: NonNullable<Value[Field]>;
  };
