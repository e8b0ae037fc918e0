import { afterEach, vi } from 'vitest';
import { cleanup, configure } from '@testing-library/react';

// Pages are loaded when they are first shown, and the machine may be busy.
configure({ asyncUtilTimeout: 10_000 });

// What a browser has and jsdom has not; the kit asks for them.
window.matchMedia = (query: string) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    addListener: () => undefined,
    removeListener: () => undefined,
    dispatchEvent: () => false,
    onchange: null,
  }) as MediaQueryList;
window.ResizeObserver = class {
  observe() {
    return undefined;
  }
  unobserve() {
    return undefined;
  }
  disconnect() {
    return undefined;
  }
};
// A layout, so that what opens beside something does not take it for scrolled out of sight.
const RECT = { x: 8, y: 8, left: 8, top: 8, width: 100, height: 20, right: 108, bottom: 28 };
window.Element.prototype.getBoundingClientRect = () => ({ ...RECT, toJSON: () => RECT }) as DOMRect;
Object.defineProperty(document.documentElement, 'clientWidth', { value: 1280 });
Object.defineProperty(document.documentElement, 'clientHeight', { value: 800 });
window.scrollTo = () => undefined;
window.HTMLElement.prototype.scrollIntoView = () => undefined;

// Without a layout nothing can take the focus, which the kit tells at length.
const { warn } = console;
Object.assign(console, {
  warn: (...said: unknown[]) => {
    if (!String(said[0]).includes('use-focus-trap')) warn(...said);
  },
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  localStorage.clear();
});
