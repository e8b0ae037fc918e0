import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

import { type Language, preferredLanguage, remember } from './languages';

/** What belongs to signing in, to a team's pages, and to the platform's. */
export type Part = 'core' | 'team' | 'desk';
type Loader = () => Promise<{ default: Record<string, object> }>;

/** A part of a language is one chunk: its texts, and with the first the fonts that its script needs. */
const LOADERS: Record<Language, Record<Part, Loader>> = {
  en: { core: () => import('~/locales/en/core'), team: () => import('~/locales/en/team'), desk: () => import('~/locales/en/desk') },
  ko: { core: () => import('~/locales/ko/core'), team: () => import('~/locales/ko/team'), desk: () => import('~/locales/ko/desk') },
  ja: { core: () => import('~/locales/ja/core'), team: () => import('~/locales/ja/team'), desk: () => import('~/locales/ja/desk') },
};
const needed = new Set<Part>(['core']);
const loaded = new Set<string>();

async function load(language: Language, part: Part): Promise<void> {
  if (loaded.has(language + part)) return;
  const { default: texts } = await LOADERS[language][part]();
  for (const [namespace, keys] of Object.entries(texts)) i18next.addResourceBundle(language, namespace, keys);
  loaded.add(language + part);
}

/** Pages that need a part wait for it; whatever language is chosen from then on has it too. */
export async function need(part: Part): Promise<void> {
  needed.add(part);
  await load(currentLanguage(), part);
}

/**
 * Names of teams, keys and people may be in any of our scripts, whatever the pages speak. The rules
 * come once there is nothing else to do; a file of glyphs is fetched when one of them is shown.
 */
export function loadScripts(): void {
  const load = () =>
    void Promise.all([
      import('@fontsource-variable/noto-sans-kr/wght.css'),
      import('@fontsource-variable/noto-sans-jp/wght.css'),
    ]);
  if ('requestIdleCallback' in window) requestIdleCallback(load, { timeout: 2000 });
  else setTimeout(load, 500);
}

/** Load and show `language`; English stands behind it for a key that is not there. */
export async function speak(language: Language): Promise<void> {
  await Promise.all([...needed].map((part) => load(language, part)));
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

/** The reader chose it: remember it on this device too. */
export async function choose(language: Language): Promise<void> {
  remember(language);
  await speak(language);
}

export async function startI18n(language: Language = preferredLanguage()): Promise<void> {
  loaded.clear();
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    defaultNS: 'app',
    ns: ['app'],
    resources: {},
    interpolation: { escapeValue: false }, // React escapes
    react: { useSuspense: false },
  });
  await speak(language);
}

export function currentLanguage(): Language {
  return i18next.language as Language;
}
