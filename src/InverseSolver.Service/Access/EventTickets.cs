using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>
/// Tickets for event streams. A browser's EventSource sends no headers, so that a page which has a key and no session asks for a ticket, and sends it in the
/// address. An address is written into logs and histories: a ticket opens the events of one job only, for a minute.
/// </summary>
internal sealed class EventTickets(IDataProtectionProvider protection, ApiKeys keys)
{
    /// <summary>The authentication scheme of tickets.</summary>
    public const string Scheme = "ticket";

    /// <summary>The operation that takes them.</summary>
    public const string Operation = "listenToJob";

    private const string Parameter = "ticket";

    private static readonly TimeSpan Lasts = TimeSpan.FromMinutes(1);

    private readonly ITimeLimitedDataProtector _protector = protection.CreateProtector(nameof(EventTickets)).ToTimeLimitedDataProtector();

    /// <summary>True where a request for events has a ticket.</summary>
    public static bool IsIn(HttpContext http) => http.Request.Query.ContainsKey(Parameter)
        && http.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName == Operation;

    /// <summary>Maps the endpoint.</summary>
    public static void Map(RouteGroupBuilder jobs) =>
        jobs.MapPost("{id}/events/ticket", Make).WithName("createEventTicket").Needs(Scope.Read).ProducesErrors(404);

    /// <summary>Makes a ticket for a job's events.</summary>
    /// <remarks>
    /// For an `EventSource` of a page, which sends no headers: `/v1/jobs/{id}/events?ticket=...`. It opens streams for a minute; a stream that is open goes on.
    /// After a broken connection make another one.
    /// </remarks>
    /// <param name="id">The job's id.</param>
    /// <response code="200">The ticket.</response>
    private static Ok<EventTicket> Make(string id, HttpContext http, [FromServices] JobStore store, [FromServices] EventTickets tickets)
    {
        Account account = http.Account();
        store.Find(id, account.Owns);
        return TypedResults.Ok(tickets.Of(account, id, http.User.FindFirstValue(Sessions.ProofClaim)));
    }

    private EventTicket Of(Account account, string job, string? proof)
    {
        DateTimeOffset expires = DateTimeOffset.UtcNow + Lasts;
        var content = new Content(job, account.Name, account.Tenant, account.Scopes.Contains(Scope.Tenant), proof);
        return new EventTicket(_protector.Protect(JsonSerializer.Serialize(content), expires), expires);
    }

    private ClaimsPrincipal SenderOf(string ticket, string? job)
    {
        try
        {
            if (ticket.Length <= 4096 && JsonSerializer.Deserialize<Content>(_protector.Unprotect(ticket)) is { } content && content.Job == job)
            {
                string[] scopes = content.OfTenant ? [Scope.Read, Scope.Tenant] : [Scope.Read];
                ClaimsPrincipal sender = new Account(content.Account, content.Tenant, scopes.ToHashSet()).ToPrincipal(Scheme, content.Proof);
                if (keys.IsStillProved(sender)) return sender;
            }
        }
        catch (CryptographicException)
        {
            // It is old, or none of this service.
        }

        throw new RequestException(
            StatusCodes.Status401Unauthorized, "invalidTicket", Parameter,
            "The ticket is for another job, older than a minute, or its key was revoked: make one by POST /v1/jobs/{id}/events/ticket.");
    }

    private sealed record Content(string Job, string Account, string Tenant, bool OfTenant, string? Proof);

    /// <summary>Takes tickets.</summary>
    internal sealed class Handler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory log, UrlEncoder encoder, EventTickets tickets)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, log, encoder)
    {
        /// <inheritdoc/>
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authentication.ResultOf(() => new AuthenticationTicket(
            tickets.SenderOf(Request.Query[Parameter].ToString(), Request.RouteValues["id"] as string), EventTickets.Scheme)));
    }
}

/// <summary>A ticket for a job's events.</summary>
/// <param name="Ticket">It, to be sent as the query parameter <c>ticket</c> of <c>/v1/jobs/{id}/events</c>.</param>
/// <param name="Expires">The time from which it opens no more streams.</param>
internal sealed record EventTicket(string Ticket, DateTimeOffset Expires);
