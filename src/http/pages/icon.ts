/** A gate with an arrow through it. As an image it knows only the scheme of the browser, which is enough for two colours. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<style>path{fill:none;stroke:#0b5c6b;stroke-width:3;stroke-linecap:round;stroke-linejoin:round}
@media (prefers-color-scheme:dark){path{stroke:#6cc7d6}}</style>
<path d="M6 27V14a10 10 0 0 1 20 0v13"/><path d="M11 20h10m-4-4 4 4-4 4"/>
</svg>
`;
