using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Stage = InverseSolver.ServiceTests.DeploymentFiles.Stage;

namespace InverseSolver.ServiceTests;

/// <summary>Dockerfile, compose files, Kubernetes manifests and systemd's unit agree with each other and with the service.</summary>
public sealed partial class DeploymentTests(Service service) : IClassFixture<Service>
{
    private const string Base = "deploy/kubernetes/base/", Gpu = "deploy/kubernetes/gpu/";
    private static readonly Stage[] Dockerfile = DeploymentFiles.Stages("Dockerfile");
    private static readonly JsonObject Compose = DeploymentFiles.Yaml("docker/compose.yaml").Single();
    private static readonly JsonObject[] Manifests = [.. Listed(Base).SelectMany(name => DeploymentFiles.Yaml(Base + name))];

    private static JsonObject Container =>
        Manifests.Single(m => (string?)m["kind"] == "Deployment")["spec"]!["template"]!["spec"]!["containers"]![0]!.AsObject();

    [Fact]
    public void The_image_without_a_target_is_the_one_for_a_CPU_and_both_run_on_the_release_that_they_were_compiled_on()
    {
        Assert.Equal("cpu", Dockerfile[^1].Name);
        Assert.Equal("cuda", Dockerfile[^2].Name);
        Assert.Equal("debian:trixie-slim", Named("native").From);
        Assert.Equal(Named("native").From, Named("base").From);
        Assert.Equal(["base", "base"], [Named("cpu").From, Named("cuda").From]);
        Assert.Contains("trixie)", File.ReadAllText(DeploymentFiles.Path("scripts/install-packages.sh")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("cuda")]
    public void An_image_runs_as_a_numbered_user_and_takes_nothing_of_its_build_but_programs(string name)
    {
        Stage stage = Named(name);
        Assert.Equal(("USER", "10001:10001"), stage.Lines[^1]);
        Assert.Contains("--uid 10001", Named("base").Lines[0].Value, StringComparison.Ordinal);
        string run = Assert.Single(
            stage.Lines, line => line.Instruction == "RUN" && line.Value.Contains("install-packages.sh", StringComparison.Ordinal)).Value;
        Assert.Contains("install-packages.sh run image &&", run, StringComparison.Ordinal);
        Assert.Contains(stage.Lines, line => line.Instruction == "RUN" && line.Value.Contains("dpkg-query -W >/app/packages.txt", StringComparison.Ordinal));
        Assert.All(stage.Lines.Where(line => line.Instruction == "COPY" && line.Value.StartsWith("--from", StringComparison.Ordinal)),
            line => Assert.Contains(line.Value, (string[])["--from=build /app /app", "--from=build-cuda /app /app"]));
    }

    [Fact]
    public async Task Health_checks_and_probes_ask_for_what_the_service_answers()
    {
        Stage image = Named("base");
        string port = image.Last("EXPOSE")!;
        Assert.Equal($"ASPNETCORE_URLS=http://+:{port}", image.Last("ENV")!.Split(' ')[0]);
        var check = new Uri(JsonNode.Parse(image.Last("HEALTHCHECK")!.Split(" CMD ")[1])!.AsArray().Select(part => (string)part!).Last());
        Assert.Equal(port, $"{check.Port}");
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync(check.PathAndQuery)).StatusCode);

        JsonObject named = Container["ports"]!.AsArray().Select(p => p!.AsObject()).Single(p => $"{p["containerPort"]}" == port);
        foreach (string probe in (string[])["startupProbe", "readinessProbe", "livenessProbe"])
        {
            JsonNode get = Container[probe]!["httpGet"]!;
            Assert.Equal((string?)named["name"], (string?)get["port"]);
            Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync((string)get["path"]!)).StatusCode);
        }

        // A job that waits or a damaged model must not have the container killed.
        Assert.Equal("/health/live", (string?)Container["livenessProbe"]!["httpGet"]!["path"]);
        JsonNode servicePort = Manifests.Single(m => (string?)m["kind"] == "Service")["spec"]!["ports"]![0]!;
        Assert.Equal((port, "http"), ($"{servicePort["port"]}", (string)servicePort["targetPort"]!));
    }

    [Fact]
    public void Every_variable_that_is_set_is_an_option_of_the_service()
    {
        Assert.Contains("Jobs__DataFolder", DeploymentFiles.EnvironmentNames);
        Assert.False(DeploymentFiles.IsOption("Jobs__DataFoldr"));
        string[] set =
        [
            .. Dockerfile.Where(s =>
                s.Name is "base" or "cpu" or "cuda").SelectMany(s =>
                    s.Lines).Where(l => l.Instruction == "ENV").SelectMany(l => l.Value.Split(' ')).Select(v => v.Split('=')[0]),
            .. Environment(Compose), .. Environment(DeploymentFiles.Yaml("docker/compose.gpu.yaml").Single()),
            .. Container["env"]!.AsArray().Select(e => (string)e!["name"]!), .. GpuContainer()["env"]!.AsArray().Select(e => (string)e!["name"]!),
            .. UnitVariables().Matches(File.ReadAllText(DeploymentFiles.Path("deploy/inverse-solver.service"))).Select(m => m.Groups[1].Value),
        ];
        Assert.True(set.Length >= 18, string.Join(' ', set));
        Assert.All(set, name => Assert.True(DeploymentFiles.IsOption(name), name));
        // Kubernetes takes strings only.
        Assert.All(Container["env"]!.AsArray(), e => Assert.Equal(System.Text.Json.JsonValueKind.String, e!["value"]!.GetValueKind()));
    }

    [Fact]
    public void Compose_gives_every_container_a_read_only_root_no_capabilities_and_ports_of_this_machine_only()
    {
        foreach ((string name, JsonNode? one) in Compose["services"]!.AsObject())
        {
            Assert.True((bool)one!["read_only"]!, name);
            Assert.Equal(["ALL"], Strings(one["cap_drop"]));
            Assert.Equal(["no-new-privileges"], Strings(one["security_opt"]));
            Assert.Equal(["/tmp"], Strings(one["tmpfs"]));
            Assert.NotNull(one["mem_limit"]);
            Assert.Equal((string?)one["mem_limit"], (string?)one["memswap_limit"]);
            Assert.Equal("0", $"{one["ulimits"]!["core"]}");
            Assert.NotNull(one["pids_limit"]);
            Assert.Null(one["privileged"]);
            Assert.NotEmpty(Strings(one["ports"]));
            Assert.All(Strings(one["ports"]), port => Assert.StartsWith("127.0.0.1:", port, StringComparison.Ordinal));
            Assert.All(
                Strings(one["volumes"]).Where(v => !v.EndsWith(":ro", StringComparison.Ordinal)),
                v => Assert.Contains(v.Split(':')[0], Compose["volumes"]!.AsObject().Select(d => d.Key)));
        }

        JsonNode solver = Compose["services"]!["inverse-solver"]!;
        Assert.Equal("127.0.0.1:8080:" + Named("base").Last("EXPOSE"), Assert.Single(Strings(solver["ports"])));
        Assert.Equal(["data:/data", "${MODELS:-../models}:/models:ro"], Strings(solver["volumes"]));
        Assert.Equal("inverse-solver:" + (string?)solver["build"]!["target"], (string?)solver["image"]);
        Assert.Equal("cpu", (string?)solver["build"]!["target"]);
        JsonNode gpu = DeploymentFiles.Yaml("docker/compose.gpu.yaml").Single()["services"]!["inverse-solver"]!;
        Assert.Equal(("cuda", "inverse-solver:cuda"), ((string)gpu["build"]!["target"]!, (string)gpu["image"]!));
        Assert.Equal(["gpu"], Strings(gpu["deploy"]!["resources"]!["reservations"]!["devices"]![0]!["capabilities"]));
    }

    [Fact]
    public void Orthanc_listens_where_compose_publishes_it_and_has_DICOMweb()
    {
        Stage image = DeploymentFiles.Stages("docker/orthanc/Dockerfile").Single();
        JsonNode options = JsonNode.Parse(File.ReadAllText(DeploymentFiles.Path("docker/orthanc/orthanc.json")))!;
        Assert.Equal($"{options["HttpPort"]} {options["DicomPort"]}", image.Last("EXPOSE"));
        Assert.Equal(
            [$"127.0.0.1:{options["HttpPort"]}:{options["HttpPort"]}", $"127.0.0.1:{options["DicomPort"]}:{options["DicomPort"]}"],
            Strings(Compose["services"]!["orthanc"]!["ports"]));
        Assert.Contains("orthanc-dicomweb", image.Lines[0].Value, StringComparison.Ordinal);
        Assert.True((bool)options["DicomWeb"]!["Enable"]!);
        Assert.StartsWith("/data/", (string)options["StorageDirectory"]!, StringComparison.Ordinal);
        Assert.Matches("^[0-9]+:[0-9]+$", image.Last("USER"));
    }

    [Fact]
    public void The_pod_may_do_nothing_but_compute_and_write_its_data()
    {
        JsonNode pod = Manifests.Single(m => (string?)m["kind"] == "Deployment")["spec"]!["template"]!["spec"]!;
        JsonNode user = pod["securityContext"]!;
        Assert.True((bool)user["runAsNonRoot"]!);
        Assert.Equal(("10001", "10001", "RuntimeDefault"), ($"{user["runAsUser"]}", $"{user["fsGroup"]}", (string)user["seccompProfile"]!["type"]!));
        Assert.False((bool)pod["automountServiceAccountToken"]!);
        JsonNode rights = Container["securityContext"]!;
        Assert.True((bool)rights["readOnlyRootFilesystem"]!);
        Assert.False((bool)rights["allowPrivilegeEscalation"]!);
        Assert.Equal(["ALL"], Strings(rights["capabilities"]!["drop"]));
        Assert.All(["requests", "limits"], kind => Assert.All(["cpu", "memory"], what => Assert.NotNull(Container["resources"]![kind]![what])));

        Dictionary<string, JsonNode> mounts = Container["volumeMounts"]!.AsArray().ToDictionary(m => (string)m!["mountPath"]!, m => m!);
        Assert.Equal(["/data", "/models", "/tmp"], mounts.Keys.Order());
        Assert.True((bool)mounts["/models"]["readOnly"]!);
        Dictionary<string, JsonNode> volumes = pod["volumes"]!.AsArray().ToDictionary(v => (string)v!["name"]!, v => v!);
        Assert.Equal(mounts.Values.Select(m => (string)m["name"]!).Order(), volumes.Keys.Order());
        Assert.Equal(
            Manifests.Where(m => (string?)m["kind"] == "PersistentVolumeClaim").Select(m => (string)m["metadata"]!["name"]!).Order(),
            volumes.Values.Select(v => (string?)v["persistentVolumeClaim"]?["claimName"]).OfType<string>().Order());
    }

    [Fact]
    public void The_unit_leaves_no_memory_on_a_disk_and_opens_nothing_but_its_data()
    {
        Dictionary<string, string> unit = File.ReadLines(DeploymentFiles.Path("deploy/inverse-solver.service"))
            .Where(line => line.Contains('=', StringComparison.Ordinal) && line[0] is not '#').Select(line => line.Split('=', 2))
            .GroupBy(line => line[0]).ToDictionary(line => line.Key, line => string.Join(' ', line.Select(one => one[1])));
        (string Name, string Value)[] wanted =
        [
            ("LimitCORE", "0"), ("MemorySwapMax", "0"), ("PrivateTmp", "yes"), ("PrivateDevices", "yes"), ("ProtectSystem", "strict"), ("ProtectHome", "yes"),
            ("ProtectProc", "invisible"), ("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", ""), ("RestrictNamespaces", "yes"),
            ("StateDirectoryMode", "0750"), ("UMask", "0027"), ("IPAddressDeny", "any"), ("IPAddressAllow", "localhost"), ("User", "inverse"),
            ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ];
        Assert.All(wanted, one => Assert.Equal(one.Value, unit[one.Name]));
        Assert.DoesNotContain("ReadWritePaths", unit.Keys);
        Assert.Contains("DOTNET_EnableDiagnostics=0", unit["Environment"], StringComparison.Ordinal);
        Assert.Contains("DOTNET_EnableDiagnostics=0", Named("base").Last("ENV"), StringComparison.Ordinal);
        Assert.Contains(
            "install -m 600 /dev/stdin /etc/inverse-solver.env", File.ReadAllText(DeploymentFiles.Path("deploy/install.sh")), StringComparison.Ordinal);
    }

    [Fact]
    public void One_pod_at_a_time_has_the_data_folder_and_every_selector_finds_it()
    {
        JsonNode spec = Manifests.Single(m => (string?)m["kind"] == "Deployment")["spec"]!;
        Assert.Equal(("1", "Recreate"), ($"{spec["replicas"]}", (string)spec["strategy"]!["type"]!));
        string labels = spec["template"]!["metadata"]!["labels"]!.ToJsonString();
        Assert.Equal(labels, spec["selector"]!["matchLabels"]!.ToJsonString());
        Assert.Equal(labels, Manifests.Single(m => (string?)m["kind"] == "Service")["spec"]!["selector"]!.ToJsonString());
        JsonNode policy = Manifests.Single(m => (string?)m["kind"] == "NetworkPolicy")["spec"]!;
        Assert.Equal(labels, policy["podSelector"]!["matchLabels"]!.ToJsonString());
        Assert.Empty(policy["egress"]!.AsArray());
        Assert.Equal(["Ingress", "Egress"], Strings(policy["policyTypes"]));
        JsonNode from = Assert.Single(Assert.Single(policy["ingress"]!.AsArray())!["from"]!.AsArray())!;
        Assert.Equal("true", (string?)from["podSelector"]!["matchLabels"]!["inverse-solver/client"]);
        JsonNode space = Manifests.Single(m => (string?)m["kind"] == "Namespace");
        Assert.Equal("restricted", (string?)space["metadata"]!["labels"]!["pod-security.kubernetes.io/enforce"]);
    }

    [Fact]
    public void The_kustomizations_list_every_file_and_name_images_that_the_Dockerfile_makes()
    {
        Assert.Equal(Files(Base), Listed(Base).Order());
        JsonObject gpu = DeploymentFiles.Yaml(Gpu + "kustomization.yaml").Single();
        Assert.Equal(["../base"], Strings(gpu["resources"]));
        Assert.Equal(Files(Gpu), gpu["patches"]!.AsArray().Select(p => (string)p!["path"]!));
        foreach ((string folder, string target) in (ReadOnlySpan<(string, string)>)[(Base, "cpu"), (Gpu, "cuda")])
        {
            JsonNode image = DeploymentFiles.Yaml(folder + "kustomization.yaml").Single()["images"]!.AsArray().Single()!;
            Assert.Equal(((string)Container["image"]!).Split(':')[0], (string?)image["name"]);
            Assert.Equal(target, (string?)image["newTag"]);
            Assert.Contains(Dockerfile, stage => stage.Name == target);
        }

        // A strategic merge finds its object by kind and names.
        JsonObject patch = DeploymentFiles.Yaml(Gpu + "gpu.yaml").Single(), whole = Manifests.Single(m => (string?)m["kind"] == "Deployment");
        Assert.Equal((string?)whole["metadata"]!["name"], (string?)patch["metadata"]!["name"]);
        Assert.Equal((string?)DeploymentFiles.Yaml(Base + "kustomization.yaml").Single()["namespace"], (string?)patch["metadata"]!["namespace"]);
        Assert.Equal((string?)Container["name"], (string?)GpuContainer()["name"]);
        Assert.Equal("1", $"{GpuContainer()["resources"]!["limits"]!["nvidia.com/gpu"]}");
    }

    private static Stage Named(string name) => Dockerfile.Single(stage => stage.Name == name);

    private static string[] Listed(string folder) => Strings(DeploymentFiles.Yaml(folder + "kustomization.yaml").Single()["resources"]);

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(DeploymentFiles.Path(folder)).Select(file => Path.GetFileName(file)).Where(name => name != "kustomization.yaml").Order();

    private static JsonNode GpuContainer() => DeploymentFiles.Yaml(Gpu + "gpu.yaml").Single()["spec"]!["template"]!["spec"]!["containers"]![0]!;

    private static IEnumerable<string> Environment(JsonObject compose) => compose["services"]!["inverse-solver"]!["environment"]!.AsObject().Select(e => e.Key);

    private static string[] Strings(JsonNode? list) => [.. list!.AsArray().Select(item => (string)item!)];

    [GeneratedRegex(@"\b(\w+__\w+|ASPNETCORE_URLS)=", RegexOptions.Multiline)] private static partial Regex UnitVariables();
}
