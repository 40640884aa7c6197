using InverseSolver.Diffusion;
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
/// <param name="RoundTripRmse">What encoding and decoding an image loses, root mean square on [0,1].</param>
/// <param name="Licence">Terms of the weights.</param>
/// <param name="Hash">SHA-256 of the model; null until it was loaded, unless its card declares it.</param>
internal sealed record Model(
    string Id,
    string Version,
    string Title,
    string Domain,
    int Channels,
    int? NativeHeight,
    int? NativeWidth,
    int SizeMultiple,
    double? RoundTripRmse,
    string? Licence,
    string? Hash);

/// <summary>All models.</summary>
/// <param name="Items">The models.</param>
internal sealed record ModelList(IReadOnlyList<Model> Items);

/// <summary>Models over HTTP.</summary>
internal static class ModelEndpoints
{
    /// <summary>Adds the catalogue of models.</summary>
    public static IServiceCollection AddModels(this IServiceCollection services)
    {
        services.AddOptions<ModelOptions>().BindConfiguration(ModelOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ModelOptions>, ModelOptionsValidator>();
        services.AddSingleton(static provider => new ModelCatalog(provider.GetRequiredService<IOptions<ModelOptions>>().Value.Folders));
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static void MapModels(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder models = app.MapGroup("/v1/models").WithTags("Models");
        models.MapGet("", List).WithName("listModels");
        models.MapGet("{id}", Get).WithName("getModel").ProducesErrors(404);
    }

    /// <summary>Lists the models.</summary>
    /// <response code="200">The models.</response>
    private static Ok<ModelList> List([FromServices] ModelCatalog catalog) =>
        TypedResults.Ok(new ModelList([.. catalog.List().Select(ToModel)]));

    /// <summary>Shows a model.</summary>
    /// <param name="id">The model's id.</param>
    /// <response code="200">The model.</response>
    private static Ok<Model> Get(string id, [FromServices] ModelCatalog catalog) =>
        TypedResults.Ok(ToModel(catalog.List().FirstOrDefault(model => model.Id == id) ?? throw RequestException.NotFound("model")));

    private static Model ToModel(ModelInfo info) => new(
        info.Id,
        info.Version,
        info.Title,
        info.Domain,
        info.Channels,
        info.NativeHeight,
        info.NativeWidth,
        info.SizeMultiple,
        info.RoundTripRmse,
        info.Licence,
        info.Hash);
}
