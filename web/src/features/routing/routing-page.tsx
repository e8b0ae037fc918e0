import { Alert, Badge, Button, Checkbox, TagsInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { Facts } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { IconAlertTriangle, IconRoute } from '~/ui/icons';
import { Page, Panel } from '~/ui/page';
import { Empty, Loading } from '~/ui/states';

import { type Explanation, useExplain } from './api';
import css from './routing.module.css';
import { Candidates, Excluded } from './routing-tables';

/** Why would this request go where: the gateway's own plan, and nothing is sent. */
export function RoutingPage() {
  const { t } = useWords();
  const explain = useExplain();
  const [model, setModel] = useState('');
  const [teamId, setTeamId] = useState('');
  const [lists, setLists] = useState({ only: [] as string[], ignore: [] as string[], order: [] as string[] });
  const [zdr, setZdr] = useState(false);
  const [deny, setDeny] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    explain.mutate({ model: model.trim(), team_id: teamId.trim(), ...lists, zdr, deny_data_collection: deny });
  };
  const tags = (name: keyof typeof lists, label: string) => (
    <TagsInput
      label={label}
      placeholder={lists[name].length === 0 ? 'openai' : ''}
      value={lists[name]}
      acceptValueOnBlur
      clearButtonProps={{ 'aria-label': t('app:action.clear') }}
      onChange={(value) => setLists({ ...lists, [name]: value })}
    />
  );
  return (
    <Page title={t('routing:title')} lead={t('routing:lead')}>
      <Panel title={t('routing:ask')}>
        <form onSubmit={submit} className={css.form}>
          <div className={css.fields}>
            <TextInput label={t('routing:model')} placeholder="openai/gpt-4o:nitro" value={model} onChange={(event) => setModel(event.currentTarget.value)} />
            <TextInput label={t('routing:team')} placeholder="team_…" value={teamId} onChange={(event) => setTeamId(event.currentTarget.value)} />
            {tags('only', t('routing:only'))}
            {tags('ignore', t('routing:ignore'))}
            {tags('order', t('routing:order'))}
          </div>
          <div className={css.switches}>
            <Checkbox label={t('routing:zdr')} checked={zdr} onChange={(event) => setZdr(event.currentTarget.checked)} />
            <Checkbox label={t('routing:deny')} checked={deny} onChange={(event) => setDeny(event.currentTarget.checked)} />
          </div>
          <FormError error={explain.error} />
          <div>
            <Button type="submit" leftSection={<IconRoute size={16} />} loading={explain.isPending} disabled={model.trim() === ''}>
              {t('routing:action')}
            </Button>
          </div>
        </form>
      </Panel>
      {explain.isPending ? (
        <Panel>
          <Loading />
        </Panel>
      ) : explain.data === undefined ? (
        <Panel>
          <Empty icon={<IconRoute />} title={t('routing:empty')} text={t('routing:emptyText')} />
        </Panel>
      ) : (
        <Answer found={explain.data} />
      )}
    </Page>
  );
}

function Answer({ found }: { found: Explanation }) {
  const { t } = useWords();
  if (found.error != null) {
    return (
      <Panel title={t('routing:nobody')}>
        <Alert color="orange" variant="light" icon={<IconAlertTriangle size={18} />}>
          <strong>{`${found.error.status} ${found.error.code}`}</strong>
          <br />
          {found.error.message}
        </Alert>
        {(found.excluded_by ?? []).length > 0 && (
          <p className={css.words}>
            {t('routing:excludedBy')}{' '}
            {(found.excluded_by ?? []).map((each) => (
              <Badge key={each} variant="default" tt="none" mr={4}>
                {each}
              </Badge>
            ))}
          </p>
        )}
        {(found.alternatives ?? []).length > 0 && <p className={css.words}>{t('routing:near', { models: (found.alternatives ?? []).join(', ') })}</p>}
      </Panel>
    );
  }
  return (
    <>
      <Panel title={t('routing:answer')}>
        <Facts
          rows={[
            [t('routing:requested'), found.requested],
            [t('routing:serves'), found.model ?? '–'],
            [t('routing:strategy'), found.strategy ?? '–'],
            [t('routing:zone'), found.zone],
          ]}
        />
      </Panel>
      <Candidates rows={found.candidates ?? []} />
      <Excluded rows={found.excluded ?? []} />
    </>
  );
}
