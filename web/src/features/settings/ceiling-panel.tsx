import { Button, Switch, TagsInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { type Ceiling, useCeiling, useSetCeiling } from './api';
import css from './settings.module.css';

/** Where the team's requests may go at all: keys and requests narrow it, and never widen it. */
export function CeilingPanel() {
  const { t } = useWords();
  const team = useTeam();
  const ceiling = useCeiling(team.id);
  return (
    <Panel title={t('settings:ceiling.title')} note={t('settings:ceiling.note')}>
      <Loaded query={ceiling} rows={3}>
        {(now) => <Form key={now.version} now={now} />}
      </Loaded>
    </Panel>
  );
}

function Form({ now }: { now: Ceiling }) {
  const { t, language } = useWords();
  const team = useTeam();
  const may = team.may('routing.write');
  const notices = useNotices();
  const save = useSetCeiling(team.id);
  const [lists, setLists] = useState({ only: now.only, ignore: now.ignore, countries: now.countries });
  const [zdr, setZdr] = useState(now.zdr);
  const [deny, setDeny] = useState(now.deny_data_collection);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { ...lists, zdr, deny_data_collection: deny, max_price: now.max_price, version: now.version },
      { onSuccess: () => notices.done(t('settings:saved')) },
    );
  };
  const tags = (name: keyof typeof lists, label: string, example: string) => (
    <TagsInput
      label={label}
      placeholder={lists[name].length === 0 ? example : ''}
      readOnly={!may}
      acceptValueOnBlur
      value={lists[name]}
      onChange={(value) => setLists({ ...lists, [name]: value })}
    />
  );
  return (
    <form onSubmit={submit} className={css.form}>
      {tags('only', t('settings:ceiling.only'), 'openai')}
      {tags('ignore', t('settings:ceiling.ignore'), 'azure')}
      {tags('countries', t('settings:ceiling.countries'), 'KR')}
      <Switch label={t('settings:ceiling.zdr')} checked={zdr} disabled={!may} onChange={(event) => setZdr(event.currentTarget.checked)} />
      <Switch label={t('settings:ceiling.deny')} checked={deny} disabled={!may} onChange={(event) => setDeny(event.currentTarget.checked)} />
      {now.served !== null && now.models !== null && (
        <p className={css.none}>{t('settings:ceiling.served', { served: count(now.served, language), models: count(now.models, language) })}</p>
      )}
      <FormError error={save.error} />
      {may && (
        <div>
          <Button type="submit" loading={save.isPending}>
            {t('app:action.save')}
          </Button>
        </div>
      )}
    </form>
  );
}
