namespace InverseSolver.ServiceTests.Owasp;

/// <summary>API2:2023: proofs of who one is. Tokens and certificates are in <see cref="IdentityStories"/>, sessions in <see cref="SessionStories"/>.</summary>
public sealed class Api02BrokenAuthentication
{
    [Fact]
    public async Task Only_the_whole_key_in_its_header_counts_and_guesses_are_slowed_down()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Limits:RequestsPerSecond", "3"));
        using var sender = new Browser(service.Client.BaseAddress!);
        string key = service.Key("alice"), other = service.Key("bob"), id = key.Split('_')[1], secret = key.Split('_')[2];
        foreach ((string name, string value, string code) in ((string, string, string)[])
        [
            ("X-API-Key", $"isk_{id}_", "unknownKey"), ("X-API-Key", $"isk_{id}_{secret[..^1]}", "unknownKey"),
            ("X-API-Key", $"isk_{id}_{secret}0", "unknownKey"),
            ("X-API-Key", $"isk_{other.Split('_')[1]}_{secret}", "unknownKey"), ("X-API-Key", $"isk_{id}_{secret.ToUpperInvariant()}", "unknownKey"),
            ("X-API-Key", $"isk_%_{secret}", "unknownKey"), ("X-API-Key", $"isk_' OR '1'='1_{secret}", "unknownKey"),
            ("Authorization", $"Basic {Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes($"alice:{key}"))}", "unauthenticated"),
            ("Authorization", key, "unauthenticated"), ("Cookie", $"X-API-Key={key}", "unauthenticated"), ("X-Forwarded-User", "alice", "unauthenticated"),
            ("X-Api-Keys", key, "unauthenticated"),
        ])
        {
            Assert.Equal((401, code), await sender.AskAsync("GET", "/v1/jobs", (name, value)));
        }

        // In an address it would be written into logs.
        Assert.Equal((400, "unknownParameter"), await sender.AskAsync("GET", $"/v1/jobs?key={key}"));
        int refused = 0;
        for (int i = 0; i < 40; i++) refused += (await sender.AskAsync("GET", "/v1/jobs", ("X-API-Key", $"isk_{id}_{i:x64}"))).Status == 429 ? 1 : 0;
        Assert.InRange(refused, 1, 39);
        Assert.Equal((200, null), await sender.AskAsync("GET", "/v1/jobs", ("X-API-Key", key)));
    }
}
