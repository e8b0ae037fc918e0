export { useAllTeams } from './api';
export { TeamsPage } from './teams-page';
export { UsersPage } from './users-page';
