using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Service.Access;
using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Models;

/// <summary>Models over HTTP.</summary>
internal static partial class ModelEndpoints
{
    /// <summary>Adds the catalogue of models and the devices.</summary>
    public static IServiceCollection AddModels(this IServiceCollection services)
    {
        services.AddOptions<ModelFolderOptions>().BindConfiguration(ModelFolderOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ModelFolderOptions>, ModelFolderOptionsValidator>();
        services.AddSingleton(static provider => DeviceSlots.From(provider.GetRequiredService<IOptions<ModelFolderOptions>>().Value));
        services.AddSingleton(Open).AddSingleton<ModelLoads>();
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static void MapModels(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder models = app.MapGroup("/v1/models").WithTags("Models");
        models.MapGet("", List).WithName("listModels").Needs(Scope.Read).ProducesErrors();
        models.MapGet("{id}", Get).WithName("getModel").Needs(Scope.Read).ProducesErrors(404, 422);
        models.MapPost("{id}/load", Load).WithName("loadModel").Needs(Scope.Admin).ProducesErrors(404, 409, 422, 503);
        models.MapPost("{id}/warm", Warm).WithName("warmModel").Needs(Scope.Admin).ProducesErrors(404, 409, 422, 503);
        models.MapPost("{id}/unload", Unload).WithName("unloadModel").Needs(Scope.Admin).ProducesErrors(404);
    }

    private static ModelCatalog Open(IServiceProvider provider)
    {
        ModelFolderOptions options = provider.GetRequiredService<IOptions<ModelFolderOptions>>().Value;
        if (options.Folders.FirstOrDefault(folder => !Directory.Exists(folder)) is { } missing)
        {
            throw new StartRefusedException($"Models:Folders names {missing}, which is not a folder.", 2);
        }

        Backend.AllowTf32 = options.Tf32;
        var catalog = new ModelCatalog(
            options.Searched,
            new ModelOptions
            {
                DenoiserType = Enum.Parse<ScalarType>(options.Precision, ignoreCase: true),
                DenoiserTypes = options.Precisions.ToDictionary(one => one.Key, one => Enum.Parse<ScalarType>(one.Value.ToString())),
                ChannelsLast = options.ChannelsLast,
            },
            options.MemoryBytes > 0 ? options.MemoryBytes : null);
        ILogger log = provider.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ModelEndpoints));
        foreach (BrokenModel broken in catalog.Broken)
        {
            ModelIsBroken(log, broken.Name, broken.Reason);
        }

        return catalog;
    }

    /// <summary>Lists the models.</summary>
    /// <remarks>
    /// The folders of models are searched each time: a package that was added since the start is listed, and so is one that cannot be used, with the reason.
    /// The service uploads or writes nothing there.
    /// </remarks>
    /// <response code="200">The models.</response>
    private static Ok<ModelList> List([FromServices] ModelCatalog catalog, [FromServices] DeviceSlots slots) => TypedResults.Ok(new ModelList(
        [.. catalog.Models.Select(model => ToModel(model, catalog, null))],
        catalog.Broken,
        [.. slots.Distinct.Select(device => new ModelMemory(device.ToString(), slots.Devices.Count(one => one.Is(device)), catalog.BudgetOf(device)))]));

    /// <summary>Shows a model with its card, configs, files and memory.</summary>
    /// <remarks>A model whose card declares no hashes is read for them the first time.</remarks>
    /// <param name="id">The model's id.</param>
    /// <response code="200">The model.</response>
    private static Ok<Model> Get(string id, [FromServices] ModelCatalog catalog)
    {
        PackageDetails package = catalog.Describe(id) ?? throw NotFound(id, catalog);
        ModelInfo info = package.Info;
        return TypedResults.Ok(ToModel(info, catalog, new ModelDetails(
            info.LatentChannels,
            info.LatentDownsampling,
            info.LatentScale,
            info.PredictionType.ToString(),
            info.TrainTimesteps,
            info.Precision,
            info.Backends,
            info.Gradients,
            info.Missing,
            info.HasConsistencyNetwork,
            package.ExpectedBytes,
            package.Card,
            package.Configs,
            package.Files)));
    }

    /// <summary>Loads a model before a job needs it.</summary>
    /// <remarks>
    /// Answers when it is loaded. One model at a time is loaded on each device; the load continues if the caller disconnects. Unused models are removed to make
    /// room, the longest unused first.
    /// </remarks>
    /// <param name="id">The model's id.</param>
    /// <param name="device">Where to, <c>cpu</c> or <c>cuda:N</c>; absent: to every device that solves jobs.</param>
    /// <response code="200">It is loaded.</response> <response code="404">There is no such model.</response> <response code="409"><c>modelMemoryInUse</c>:
    /// models in use take the memory that it needs.</response> <response code="422"><c>invalidModel</c>: its files cannot be used. <c>modelTooLarge</c>: it
    /// needs more memory than all models may take.</response>
    private static Task<Ok<ModelLoadList>> Load(
        string id, string? device, HttpContext http, [FromServices] ModelCatalog catalog, [FromServices] ModelLoads loads, [FromServices] DeviceSlots slots) =>
        LoadAsync(id, device, warm: false, http, catalog, loads, slots);

    /// <summary>Loads a model and calls each of its networks once, so that the first job need not wait.</summary>
    /// <remarks>Loads as `POST /v1/models/{id}/load` does, and answers with the time of one call of each network besides.</remarks>
    /// <param name="id">The model's id.</param>
    /// <param name="device">Where to, <c>cpu</c> or <c>cuda:N</c>; absent: to every device that solves jobs.</param>
    /// <response code="200">It is loaded, and its networks were called.</response> <response code="404">There is no such model.</response> <response
    /// code="409"><c>modelMemoryInUse</c>: models in use take the memory that it needs.</response> <response code="422"><c>invalidModel</c>: its files
    /// cannot be used. <c>modelTooLarge</c>: it needs more memory than all models may take.</response>
    private static Task<Ok<ModelLoadList>> Warm(
        string id, string? device, HttpContext http, [FromServices] ModelCatalog catalog, [FromServices] ModelLoads loads, [FromServices] DeviceSlots slots) =>
        LoadAsync(id, device, warm: true, http, catalog, loads, slots);

    /// <summary>Unloads a model.</summary>
    /// <remarks>Does not wait: jobs that use it go on, and its memory is released with the last of them. The next job that needs it loads it again.</remarks>
    /// <param name="id">The model's id.</param>
    /// <response code="200">Unloaded, or not loaded before.</response>
    /// <response code="404">There is no such model.</response>
    private static Ok<ModelUnload> Unload(string id, [FromServices] ModelCatalog catalog)
    {
        int copies = catalog.Unload(id);
        return copies > 0 || catalog.Find(id) is not null
            ? TypedResults.Ok(new ModelUnload(id, copies, catalog.LoadedOf(id).Count(copy => copy.State == LoadState.Unloading)))
            : throw NotFound(id, catalog);
    }

    private static async Task<Ok<ModelLoadList>> LoadAsync(
        string id, string? device, bool warm, HttpContext http, ModelCatalog catalog, ModelLoads loads, DeviceSlots slots)
    {
        if (catalog.Find(id) is null)
        {
            throw NotFound(id, catalog);
        }

        Device[] devices = [.. slots.Distinct.Where(one => device is null || one.ToString() == device)];
        return devices is []
            ? throw RequestChecks.Unprocessable(
                "invalidInput", "device", $"The device is not used for jobs; the devices are: {string.Join(", ", slots.Distinct)}.")
            : TypedResults.Ok(new ModelLoadList(id, await Task.WhenAll(devices.Select(one => loads.Start(id, one, warm))).WaitAsync(http.RequestAborted)));
    }

    // A package that cannot be used has no id; its folder's name is used instead, and the reason is returned.
    private static RequestException NotFound(string id, ModelCatalog catalog) => catalog.Broken.FirstOrDefault(broken => broken.Name == id) is { } broken
        ? RequestChecks.Unprocessable("invalidModel", "id", broken.Reason)
        : RequestException.NotFound("model");

    private static Model ToModel(ModelInfo info, ModelCatalog catalog, ModelDetails? details)
    {
        IReadOnlyList<LoadedModel> copies = catalog.LoadedOf(info.Id);
        string? failure = catalog.FailureOf(info.Id);
        return new Model(
            info.Id,
            info.Version,
            info.Title,
            info.Domain,
            info.Channels,
            info.NativeHeight,
            info.NativeWidth,
            info.SizeMultiple,
            info.FixedHeight,
            info.FixedWidth,
            info.Backends,
            info.Gradients,
            info.Missing,
            info.RoundTripRmse,
            info.Licence,
            info.Hash,
            copies.Any(copy => copy.State == LoadState.Loaded),
            StateOf(copies, failure),
            [.. copies.Select(copy => new ModelCopy(copy.Device.ToString(), copy.Hash, StateOf([copy], null), copy.Bytes, copy.Users, copy.LastUsed))],
            failure,
            details);
    }

    private static ModelState StateOf(IReadOnlyList<LoadedModel> copies, string? failure) =>
        copies.Any(copy => copy.State == LoadState.Loaded) ? ModelState.Loaded
        : copies.Any(copy => copy.State == LoadState.Loading) ? ModelState.Loading
        : copies.Count > 0 ? ModelState.Unloading
        : failure is not null ? ModelState.Failed
        : ModelState.Unloaded;


    [LoggerMessage(3001, LogLevel.Warning, "The model package {Name} cannot be used: {Reason}")]
    private static partial void ModelIsBroken(ILogger log, string name, string reason);
}
