import type { ComponentChildren, TargetedSubmitEvent } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { textOf } from './problems.js';

interface FormProps {
  /** What its button says. */
  action: string;
  /** What it does cannot be undone, or is hard on somebody. */
  isDangerous?: boolean;
  /** Why it fails is shown above the button. */
  submit: (fields: FormData) => Promise<unknown>;
  children?: ComponentChildren;
}

/** A form that does one thing at a time, and says why it could not. */
export function Form({ action, isDangerous = false, submit, children }: FormProps) {
  const [problem, setProblem] = useState<string | undefined>();
  const isBusy = useRef(false);
  const onSubmit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy.current) return;
    isBusy.current = true;
    setProblem(undefined);
    try {
      await submit(new FormData(event.currentTarget));
    } catch (error) {
      setProblem(textOf(error));
    }
    isBusy.current = false;
  };
  return (
    <form class="form" onSubmit={(event) => void onSubmit(event)}>
      {children}
      {problem !== undefined && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class={isDangerous ? 'primary wide dangerous' : 'primary wide'}>
        {action}
      </button>
    </form>
  );
}

/** The text of a field; undefined for one that was left empty. */
export function given(fields: FormData, name: string): string | undefined {
  const text = String(fields.get(name) ?? '').trim();
  return text === '' ? undefined : text;
}

interface ChoiceProps<Value extends string> {
  label: string;
  name: string;
  options: readonly (readonly [value: Value, meaning: string])[];
  /** What is chosen at first. */
  value?: Value;
  onChoose?: (value: string) => void;
}

/** A choice in a form. */
export function Choice<Value extends string>({ label, name, options, value, onChoose }: ChoiceProps<Value>) {
  return (
    <label>
      {label}
      <select name={name} onChange={({ currentTarget }) => onChoose?.(currentTarget.value)}>
        {options.map(([choice, meaning]) => (
          <option key={choice} value={choice} selected={choice === (value ?? options[0]?.[0])}>
            {meaning}
          </option>
        ))}
      </select>
    </label>
  );
}
