import { createHash } from 'node:crypto'

/** Colours as data, so that a test can hold every pair of them to WCAG 2.2 AA in both schemes. */
export const palettes = {
  light: {
    ground: '#f3f5f8',
    card: '#ffffff',
    inset: '#f6f8fb',
    text: '#16202e',
    muted: '#4d5a6b',
    line: '#d5dbe4',
    control: '#7a8798',
    primary: '#1c4587',
    'primary-strong': '#12336a',
    'on-primary': '#ffffff',
    focus: '#1a66d0',
    alert: '#9b1c1c',
    'alert-ground': '#fdf3f3',
  },
  dark: {
    ground: '#0e141c',
    card: '#161e29',
    inset: '#1c2634',
    text: '#e8edf3',
    muted: '#a9b5c4',
    line: '#2d3948',
    control: '#7f8da0',
    primary: '#8db6f5',
    'primary-strong': '#b3cffa',
    'on-primary': '#0b1a30',
    focus: '#8db6f5',
    alert: '#ff9d9d',
    'alert-ground': '#2b1a1e',
  },
} as const

function variables(palette: Readonly<Record<string, string>>): string {
  return Object.entries(palette)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(' ')
}

export const stylesheet = `:root { color-scheme: light dark; ${variables(palettes.light)} }
@media (prefers-color-scheme: dark) { :root { ${variables(palettes.dark)} } }
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100svh; display: flex; flex-direction: column; align-items: center;
  padding: clamp(1rem, 7vh, 5rem) 1rem 1.5rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Apple SD Gothic Neo",
    "Malgun Gothic", "Noto Sans KR", "Noto Sans CJK KR", sans-serif;
  overflow-wrap: anywhere;
}
:lang(ko) { word-break: keep-all; }
header, main, footer { width: 100%; max-width: 27rem; }
header { display: flex; align-items: center; gap: .625rem; margin-bottom: 1rem; font-weight: 600; }
.mark { flex: none; width: 1.75rem; height: 1.75rem; color: var(--primary); }
main {
  padding: clamp(1.25rem, 6vw, 2rem); background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; box-shadow: 0 1px 3px rgb(10 25 50 / .07);
}
footer { margin-top: 1rem; color: var(--muted); font-size: .875rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; font-weight: 650; }
p { margin: 0 0 1rem; }
main > :last-child { margin-bottom: 0; }
.lead { margin-bottom: 1.5rem; color: var(--muted); }
.lead bdi { color: var(--text); font-weight: 600; }
.small { color: var(--muted); font-size: .875rem; }
.small bdi { color: var(--text); font-weight: 600; }
form { margin: 0; }
.field { margin-bottom: 1.125rem; }
.field label { display: block; margin-bottom: .375rem; font-weight: 600; }
.field input {
  width: 100%; min-height: 2.875rem; padding: .5rem .75rem; font: inherit; color: var(--text);
  background: var(--card); border: 1px solid var(--control); border-radius: .375rem;
}
.field input[aria-invalid="true"] { border-color: var(--alert); border-width: 2px; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button {
  flex: 1 1 8rem; min-height: 2.875rem; padding: .5rem 1.25rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-primary); background: var(--primary); border: 1px solid var(--primary); border-radius: .375rem;
}
button:hover { background: var(--primary-strong); border-color: var(--primary-strong); }
button.secondary { color: var(--primary); background: transparent; border-color: var(--control); }
button.secondary:hover { color: var(--primary-strong); background: var(--inset); border-color: var(--primary); }
.notice {
  margin: 0 0 1.25rem; padding: .75rem 1rem; color: var(--alert); background: var(--alert-ground);
  border: 1px solid var(--alert); border-left-width: .3125rem; border-radius: .25rem;
}
.facts {
  display: grid; grid-template-columns: fit-content(45%) 1fr; gap: .25rem 1.25rem; margin: 0 0 1.5rem;
  padding: .875rem 1rem; background: var(--inset); border: 1px solid var(--line); border-radius: .375rem;
  font-size: .9375rem;
}
.facts dt { grid-column: 1; color: var(--muted); }
.facts dd { grid-column: 2; margin: 0; font-weight: 600; }
.facts .plain { font-weight: 400; }
code { font: .875em ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
fieldset { min-width: 0; margin: 0 0 1.25rem; padding: 0; border: 0; }
legend { padding: 0; font-weight: 600; }
.scopes { margin: .5rem 0 0; padding: 0; list-style: none; border-top: 1px solid var(--line); }
.scopes li { border-bottom: 1px solid var(--line); }
.scopes label { display: flex; gap: .75rem; padding: .75rem .25rem; cursor: pointer; }
.scopes input { flex: none; width: 1.25rem; height: 1.25rem; margin: .125rem 0 0; accent-color: var(--primary); }
.scopes .title { font-weight: 600; }
.scopes code { color: var(--muted); }
.scopes .about { display: block; color: var(--muted); font-size: .875rem; }
a { color: var(--primary); }
.logo { max-width: 100%; height: 3rem; }
.links { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 1rem; padding: 0; list-style: none; font-size: .875rem; }
form + .links { margin: 1.5rem 0 0; }
@media (max-width: 24rem) {
  .facts { grid-template-columns: 1fr; row-gap: 0; }
  .facts dd { grid-column: 1; }
  .facts dd + dt { margin-top: .5rem; }
}
@media (forced-colors: active) { .notice, main, button { border-color: CanvasText; } }
`

const digest = createHash('sha256').update(stylesheet).digest('hex').slice(0, 16)

/** Its name changes with its content, so it may be cached for ever (`immutable`). */
export const stylesheetPath = `/assets/signon-${digest}.css`
