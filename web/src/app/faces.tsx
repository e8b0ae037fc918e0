import { useWords } from '~/i18n/use-words';
import { useMe } from '~/session/me';
import { roleOf } from '~/session/permissions';
import { IconSelector } from '~/ui/icons';

import { useCurrentTeam } from './current-team';
import css from './layout.module.css';

/** Whose pages these are, as the button of a menu shows it. */
export function TeamFace() {
  const { t } = useWords();
  const current = useCurrentTeam();
  return (
    <>
      <span className={css.badge} aria-hidden="true">
        {initial(current?.name ?? '?')}
      </span>
      <span className={css.words}>
        <span>{current?.name ?? t('app:team.none')}</span>
        {current !== undefined && <span>{t(`app:role.${roleOf(current.role)}`)}</span>}
      </span>
      <span className="og-visually-hidden">{t('app:team.switch')}</span>
      <IconSelector size={16} aria-hidden />
    </>
  );
}

export function UserFace() {
  const { t } = useWords();
  const { user } = useMe();
  return (
    <>
      <span className={`${css.badge} ${css.round}`} aria-hidden="true">
        {initial(user.name || user.email)}
      </span>
      <span className={css.words}>
        <span>{user.name || user.email}</span>
        <span>{user.email}</span>
      </span>
      <span className="og-visually-hidden">{t('app:user.menu')}</span>
    </>
  );
}

function initial(name: string): string {
  return Array.from(name)[0]?.toUpperCase() ?? '?';
}
