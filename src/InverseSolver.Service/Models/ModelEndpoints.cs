using InverseSolver.Diffusion;
using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using InverseSolver.Torch;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Models;

/// <summary>A pretrained model.</summary>
/// <param name="Id">Its name in requests.</param>
/// <param name="Version">Version of the weights.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Domain">Which images it was trained on.</param>
/// <param name="Channels">Channels of the images.</param>
/// <param name="NativeHeight">Height of the training images.</param>
/// <param name="NativeWidth">Width of the training images.</param>
/// <param name="SizeMultiple">Images are padded up to multiples of this.</param>
/// <param name="FixedHeight">Height of the images where its files take no other; null where any will do.</param>
/// <param name="FixedWidth">Width of the images where its files take no other; null where any will do.</param>
/// <param name="Backends">What runs its networks: libtorch, torchscript or onnx.</param>
/// <param name="Gradients">Which of its networks give gradients; a solver that needs one which is missing is refused.</param>
/// <param name="RoundTripRmse">What encoding and decoding an image loses, root mean square on [0,1].</param>
/// <param name="Licence">Terms of the weights.</param>
/// <param name="Hash">SHA-256 of the model; null until it was loaded, unless its card declares it.</param>
/// <param name="Loaded">Whether its weights are in memory.</param>
internal sealed record Model(
    string Id,
    string Version,
    string Title,
    string Domain,
    int Channels,
    int? NativeHeight,
    int? NativeWidth,
    int SizeMultiple,
    int? FixedHeight,
    int? FixedWidth,
    ModelBackends? Backends,
    ModelGradients Gradients,
    double? RoundTripRmse,
    string? Licence,
    string? Hash,
    bool Loaded);

/// <summary>All models.</summary>
/// <param name="Items">The models.</param>
internal sealed record ModelList(IReadOnlyList<Model> Items);

/// <summary>Models over HTTP.</summary>
internal static partial class ModelEndpoints
{
    /// <summary>Adds the catalogue of models.</summary>
    public static IServiceCollection AddModels(this IServiceCollection services)
    {
        services.AddOptions<ModelFolderOptions>().BindConfiguration(ModelFolderOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ModelFolderOptions>, ModelFolderOptionsValidator>();
        services.AddSingleton(Open);
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static void MapModels(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder models = app.MapGroup("/v1/models").WithTags("Models");
        models.MapGet("", List).WithName("listModels");
        models.MapGet("{id}", Get).WithName("getModel").ProducesErrors(404);
    }

    private static ModelCatalog Open(IServiceProvider provider)
    {
        ModelFolderOptions options = provider.GetRequiredService<IOptions<ModelFolderOptions>>().Value;
        Backend.Threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        if (options.Folders.FirstOrDefault(folder => !Directory.Exists(folder)) is { } missing)
        {
            throw new StartRefusedException($"Models:Folders names {missing}, which is no folder.", 2);
        }

        Device device = options.Device == "auto" ? Backend.CudaDevices > 0 ? new Device(DeviceType.CUDA, 0) : torch.CPU : Device.Parse(options.Device);
        if (device.Type == DeviceType.CUDA && Math.Max(device.Index, 0) >= Backend.CudaDevices)
        {
            throw new StartRefusedException(
                $"Models:Device is {options.Device}, but {(Backend.BuiltWithCuda ? $"there are {Backend.CudaDevices} GPUs" : "this build of libtorch has no CUDA")}.", 2);
        }

        if (device.Type == DeviceType.CPU && options.Precision != "float32")
        {
            throw new StartRefusedException($"Models:Precision is {options.Precision}, which needs a GPU; on the CPU it is float32.", 2);
        }

        var catalog = new ModelCatalog(options.Searched, device, new ModelOptions { DenoiserType = Enum.Parse<ScalarType>(options.Precision, ignoreCase: true) });
        ILogger log = provider.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ModelEndpoints));
        if (Backend.BlasWarning() is { } slow)
        {
            BlasIsSlow(log, slow);
        }

        foreach (BrokenModel broken in catalog.Broken)
        {
            ModelIsBroken(log, broken.Name, broken.Reason);
        }

        return catalog;
    }

    /// <summary>Lists the models.</summary>
    /// <response code="200">The models.</response>
    private static Ok<ModelList> List([FromServices] ModelCatalog catalog) =>
        TypedResults.Ok(new ModelList([.. catalog.Models.Select(model => ToModel(model, catalog))]));

    /// <summary>Shows a model.</summary>
    /// <param name="id">The model's id.</param>
    /// <response code="200">The model.</response>
    private static Ok<Model> Get(string id, [FromServices] ModelCatalog catalog) =>
        TypedResults.Ok(ToModel(catalog.Find(id) ?? throw RequestException.NotFound("model"), catalog));

    private static Model ToModel(ModelInfo info, ModelCatalog catalog) => new(
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
        info.RoundTripRmse,
        info.Licence,
        info.Hash,
        catalog.IsLoaded(info.Id));

    [LoggerMessage(3002, LogLevel.Warning, "{Warning}")]
    private static partial void BlasIsSlow(ILogger log, string warning);

    [LoggerMessage(3001, LogLevel.Warning, "The model package {Name} cannot be used: {Reason}")]
    private static partial void ModelIsBroken(ILogger log, string name, string reason);
}
