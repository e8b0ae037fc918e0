import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

import type en from '~/locales/en';

import type { Language } from './languages';

type Texts = typeof en;
/** Plural forms are one key to whoever writes it: the count chooses. */
type Singular<K extends string> = K extends `${infer Base}_${'one' | 'other'}` ? Base : K;
type Leaves<T> = {
  [K in keyof T & string]: T[K] extends string ? Singular<K> : `${K}.${Leaves<T[K]>}`;
}[keyof T & string];

/** Every text there is, as `namespace:path`. English has them all; a test holds the others to it. */
export type TextKey = { [N in keyof Texts & string]: `${N}:${Leaves<Texts[N]>}` }[keyof Texts & string];
export type Words = (key: TextKey, values?: Record<string, string | number>) => string;

/** The texts in the reader's language, and which one that is. */
export function useWords(): { t: Words; language: Language } {
  const { t, i18n } = useTranslation();
  return useMemo(() => ({ t: t as unknown as Words, language: i18n.language as Language }), [t, i18n.language]);
}
