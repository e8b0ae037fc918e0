import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

/** The teal of the mark and the docs; 9 is the mark itself, and carries white text at 5.6:1. */
const brand: MantineColorsTuple = [
  '#e6f6f8', '#cbebf0', '#a1dbe4', '#6fcad8', '#48bccd',
  '#2aa3b6', '#1a8ea1', '#127f92', '#0d7788', '#0b6b7c',
];
const gray: MantineColorsTuple = [
  '#f6f8f9', '#edf1f2', '#e0e6e9', '#cfd8dc', '#b4c1c7',
  '#8b9aa2', '#5a6b73', '#43525a', '#2d3a41', '#17242a',
];
const dark: MantineColorsTuple = [
  '#dfe8eb', '#bccace', '#93a6ad', '#5b7079', '#344750',
  '#24343b', '#19262b', '#10191d', '#0b1215', '#070c0e',
];

const TITLE = { fontWeight: 650, fontSize: '1.0625rem' };

export const theme = createTheme({
  colors: { brand, gray, dark },
  primaryColor: 'brand',
  primaryShade: { light: 9, dark: 9 },
  white: '#ffffff',
  black: '#17242a',
  fontFamily: 'var(--og-font)',
  fontFamilyMonospace: 'var(--og-font-mono)',
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  headings: {
    fontFamily: 'var(--og-font)',
    fontWeight: '650',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.3' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.4' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.4' },
    },
  },
  components: {
    // Its placeholder for the focus is no item, and only items may stand in a menu.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Modal: {
      styles: { title: TITLE },
      defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.5, blur: 2 } },
    },
    Drawer: {
      styles: { title: TITLE },
      defaultProps: { position: 'right', size: 'lg', overlayProps: { backgroundOpacity: 0.5, blur: 2 } },
    },
    Button: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 200 } },
  },
});

/** Where the kit's defaults fall short of 4.5:1 (found by axe), or of this product's look. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-placeholder': 'var(--mantine-color-gray-6)',
    '--mantine-color-error': '#c32525',
    '--mantine-color-anchor': 'var(--mantine-color-brand-9)',
    '--og-ground': 'var(--mantine-color-gray-0)',
    '--og-panel': 'var(--mantine-color-white)',
    '--og-line': 'var(--mantine-color-gray-2)',
    '--og-code': '#0f1f25',
    '--og-good': '#1f7a3a',
    '--og-warn': '#8a5a00',
    '--og-c1': '#0b6b7c',
    '--og-c2': '#d9822b',
    '--og-c3': '#5b5bd6',
    '--og-c4': '#2f9e5b',
    '--og-c5': '#c2437c',
    '--og-c6': '#8a6d1d',
    '--og-c7': '#7a8b93',
  },
  dark: {
    '--mantine-color-placeholder': 'var(--mantine-color-dark-2)',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-anchor': 'var(--mantine-color-brand-3)',
    '--og-ground': 'var(--mantine-color-dark-8)',
    '--og-panel': 'var(--mantine-color-dark-7)',
    '--og-line': 'var(--mantine-color-dark-5)',
    '--og-code': '#070d10',
    '--og-good': '#69db7c',
    '--og-warn': '#ffd43b',
    '--og-c1': '#2aa3b6',
    '--og-c2': '#f0a35e',
    '--og-c3': '#9a9af0',
    '--og-c4': '#5fcf8c',
    '--og-c5': '#ea86b4',
    '--og-c6': '#d6b84c',
    '--og-c7': '#93a6ad',
  },
});
