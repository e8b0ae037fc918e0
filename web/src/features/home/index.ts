export { HomePage } from './home-page';
export { NewTeamPage } from './new-team-page';
