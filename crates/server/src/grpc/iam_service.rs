//! `slacktide.v1.IamService`.

use slacktide_api::v1::{self as pb, iam_service_server::IamService};
use slacktide_store::User;
use tonic::{Request, Response, Status};

use super::{Api, admit, convert::timestamp, page::Paging, request_id};
use crate::{
    app::{AppError, Violations},
    iam::{self, NewAccount, RoleView},
};

#[tonic::async_trait]
impl IamService for Api {
    async fn create_user(
        &self,
        request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        // Before the key: a plain digest of a password is not to be stored.
        let password = std::mem::take(&mut request.password);
        let key = request_id::take(&mut request, &caller, &mut violations);
        violations.into_result()?;
        let account = NewAccount {
            name: request.name,
            password,
            roles: request.roles,
        };
        let created = iam::create_user(&self.app, &caller, account, key.as_ref()).await?;
        let user = Some(user(&created));
        Ok(Response::new(pb::CreateUserResponse { user }))
    }

    async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let (_, request) = admit(self, request).await?;
        let user = Some(user(&iam::named(&self.app, &request.name).await?));
        Ok(Response::new(pb::GetUserResponse { user }))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let (_, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let paging = Paging::take(&mut request, &mut violations)?;
        violations.into_result()?;
        let listed = self.app.store.page_of_users(paging.page).await;
        let listed = listed.map_err(AppError::from)?;
        Ok(Response::new(pb::ListUsersResponse {
            next_page_token: paging.next_token(listed.items.len(), listed.total),
            users: listed.items.iter().map(user).collect(),
            total_size: i64::try_from(listed.total).unwrap_or(i64::MAX),
        }))
    }

    async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        violations.into_result()?;
        iam::delete_user(&self.app, &caller, &request.name, key.as_ref()).await?;
        Ok(Response::new(pb::DeleteUserResponse {}))
    }

    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Result<Response<pb::ChangePasswordResponse>, Status> {
        let (caller, request) = admit(self, request).await?;
        let (old, new) = (request.old_password, request.new_password);
        iam::change_password(&self.app, &caller, &old, new).await?;
        Ok(Response::new(pb::ChangePasswordResponse {}))
    }

    async fn reset_password(
        &self,
        request: Request<pb::ResetPasswordRequest>,
    ) -> Result<Response<pb::ResetPasswordResponse>, Status> {
        let (caller, request) = admit(self, request).await?;
        let (name, new) = (request.name, request.new_password);
        iam::reset_password(&self.app, &caller, &name, new).await?;
        Ok(Response::new(pb::ResetPasswordResponse {}))
    }

    async fn lock_user(
        &self,
        request: Request<pb::LockUserRequest>,
    ) -> Result<Response<pb::LockUserResponse>, Status> {
        let (caller, request) = admit(self, request).await?;
        let locked = iam::set_locked(&self.app, &caller, &request.name, true).await?;
        let user = Some(user(&locked));
        Ok(Response::new(pb::LockUserResponse { user }))
    }

    async fn unlock_user(
        &self,
        request: Request<pb::UnlockUserRequest>,
    ) -> Result<Response<pb::UnlockUserResponse>, Status> {
        let (caller, request) = admit(self, request).await?;
        let unlocked = iam::set_locked(&self.app, &caller, &request.name, false).await?;
        let user = Some(user(&unlocked));
        Ok(Response::new(pb::UnlockUserResponse { user }))
    }

    async fn grant_role(
        &self,
        request: Request<pb::GrantRoleRequest>,
    ) -> Result<Response<pb::GrantRoleResponse>, Status> {
        let (caller, request) = admit(self, request).await?;
        let granted = iam::grant_role(&self.app, &caller, &request.user, &request.role).await?;
        let user = Some(user(&granted));
        Ok(Response::new(pb::GrantRoleResponse { user }))
    }

    async fn revoke_role(
        &self,
        request: Request<pb::RevokeRoleRequest>,
    ) -> Result<Response<pb::RevokeRoleResponse>, Status> {
        let (caller, request) = admit(self, request).await?;
        let revoked = iam::revoke_role(&self.app, &caller, &request.user, &request.role).await?;
        let user = Some(user(&revoked));
        Ok(Response::new(pb::RevokeRoleResponse { user }))
    }

    async fn create_role(
        &self,
        request: Request<pb::CreateRoleRequest>,
    ) -> Result<Response<pb::CreateRoleResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        violations.into_result()?;
        let (name, expressions) = (&request.name, &request.expressions);
        let created = iam::create_role(&self.app, &caller, name, expressions, key.as_ref()).await?;
        let role = Some(role(created));
        Ok(Response::new(pb::CreateRoleResponse { role }))
    }

    async fn list_roles(
        &self,
        request: Request<pb::ListRolesRequest>,
    ) -> Result<Response<pb::ListRolesResponse>, Status> {
        admit(self, request).await?;
        let listed = iam::list_roles(&self.app).await?;
        Ok(Response::new(pb::ListRolesResponse {
            roles: listed.into_iter().map(role).collect(),
        }))
    }

    async fn delete_role(
        &self,
        request: Request<pb::DeleteRoleRequest>,
    ) -> Result<Response<pb::DeleteRoleResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let key = request_id::take(&mut request, &caller, &mut violations);
        violations.into_result()?;
        iam::delete_role(&self.app, &caller, &request.name, key.as_ref()).await?;
        Ok(Response::new(pb::DeleteRoleResponse {}))
    }
}

fn user(user: &User) -> pb::User {
    pb::User {
        id: user.id.0,
        name: user.name.clone(),
        roles: user.roles.clone(),
        locked: user.locked,
        create_time: Some(timestamp(user.create_time)),
    }
}

fn role(role: RoleView) -> pb::Role {
    let built_in = role.made.is_none();
    let (creator, create_time) = role.made.unzip();
    pb::Role {
        name: role.name,
        expressions: role.expressions,
        built_in,
        creator: creator.unwrap_or_default(),
        create_time: create_time.map(timestamp),
    }
}
