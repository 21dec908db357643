interface SettingProps<Value extends string> {
  value: Value;
  options: readonly (readonly [value: Value, meaning: string])[];
  /** What it is called, where no label stands around it. */
  label?: string;
  change: (to: Value) => void;
}

/** A choice among values. It shows what is so, until that has changed. */
export function Setting<Value extends string>({ value, options, label, change }: SettingProps<Value>) {
  return (
    <select
      value={value}
      aria-label={label}
      onChange={({ currentTarget }) => {
        const chosen = options.find(([known]) => known === currentTarget.value)?.[0];
        currentTarget.value = value;
        if (chosen !== undefined) change(chosen);
      }}
    >
      {options.map(([known, meaning]) => (
        <option key={known} value={known}>
          {meaning}
        </option>
      ))}
    </select>
  );
}

/** The same with its label on its left. */
export function Preference<Value extends string>({ label, ...setting }: SettingProps<Value> & { label: string }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the setting is its control
    <label class="preference">
      {label}
      <Setting {...setting} />
    </label>
  );
}
