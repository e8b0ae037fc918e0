import { NativeSelect, SegmentedControl, useMantineColorScheme } from '@mantine/core';

import { choose } from '~/i18n';
import { isLanguage, LANGUAGES } from '~/i18n/languages';
import { useWords } from '~/i18n/use-words';

import { IconDeviceDesktop, IconMoon, IconSun } from './icons';
import css from './kit.module.css';

const CHOICES = Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }));

interface LanguageSelectProps {
  /** Told after the pages speak it, to keep it with the person's account. */
  onChosen?: (language: keyof typeof LANGUAGES) => void;
  label?: string;
}

export function LanguageSelect({ onChosen, label }: LanguageSelectProps) {
  const { t, language } = useWords();
  return (
    <NativeSelect
      data={CHOICES}
      value={language}
      {...(label === undefined ? { 'aria-label': t('app:preference.language'), size: 'xs', w: 104 } : { label })}
      onChange={(event) => {
        const { value } = event.currentTarget;
        if (isLanguage(value)) void choose(value).then(() => onChosen?.(value));
      }}
    />
  );
}

const THEMES = { light: IconSun, dark: IconMoon, auto: IconDeviceDesktop } as const;

export function ThemeControl() {
  const { t } = useWords();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('app:preference.theme')}
      value={colorScheme}
      onChange={(value) => setColorScheme(value as typeof colorScheme)}
      data={(['light', 'dark', 'auto'] as const).map((value) => {
        const Icon = THEMES[value];
        const name = t(`app:preference.${value}`);
        return {
          value,
          label: (
            <span className={css.choice} title={name}>
              <Icon size={15} aria-hidden />
              <span className="og-visually-hidden">{name}</span>
            </span>
          ),
        };
      })}
    />
  );
}
