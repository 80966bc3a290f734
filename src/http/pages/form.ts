import { type Html, html } from './html.ts';

export interface FieldView {
  readonly name: string;
  readonly label: string;
  readonly type: 'text' | 'password';
  /** What browsers and password managers fill in (HTML, "Autofill"). */
  readonly autocomplete: string;
  /** Said below the label and by screen readers. */
  readonly hint?: string | undefined;
  readonly value?: string | undefined;
  /** Whether what was sent before was refused; `alertOf` says why. */
  readonly invalid?: boolean | undefined;
  readonly focus?: boolean | undefined;
  /** Digits only, for phones. */
  readonly numeric?: boolean | undefined;
  /** A code: spaced out, never corrected or capitalised by the keyboard. */
  readonly code?: boolean | undefined;
  readonly maxLength?: number | undefined;
  readonly optional?: boolean | undefined;
}

/** A labelled input. Its id is its name, so a page has each name once. */
export function field(view: FieldView): Html {
  const { name } = view;
  const described = [view.hint !== undefined && `${name}-hint`, view.invalid === true && 'alert'].filter(Boolean);
  return html`<div class="field">
<label for="${name}">${view.label}</label>
${view.hint !== undefined && html`<p class="hint" id="${name}-hint">${view.hint}</p>`}
<input ${{
    id: name,
    name,
    type: view.type,
    autocomplete: view.autocomplete,
    value: view.value,
    required: view.optional !== true,
    autofocus: view.focus,
    inputmode: view.numeric === true && 'numeric',
    class: view.code === true && 'code',
    autocapitalize: 'none',
    spellcheck: 'false',
    maxlength: view.maxLength ?? 256,
    'aria-describedby': described.length > 0 && described.join(' '),
    'aria-invalid': view.invalid === true && 'true',
  }}>
</div>`;
}

/** Why the last attempt failed. Fields that it is about name it in `aria-describedby`. */
export function alertOf(error: string | undefined): Html | null {
  return error === undefined ? null : html`<p class="alert" id="alert" role="alert">${error}</p>`;
}

/** Values that travel with a form unseen. */
export function hidden(values: Readonly<Record<string, string | undefined>>): Html[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [html`<input type="hidden" name="${name}" value="${value}">`],
  );
}
